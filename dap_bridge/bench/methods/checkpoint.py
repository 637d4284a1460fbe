"""The file of weights that SEGAN needs, which is not part of the package."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from ...errors import BadRequest

# Of its public implementation, github.com/santi-pdp/segan_pytorch.
CHECKPOINT = "segan+_generator.ckpt"


@cache
def digest(weights: Path) -> str:
    """A name for what the file holds. Raises BadRequest where it cannot be read."""
    try:
        return hashlib.sha256(weights.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise BadRequest(f"{weights} cannot be read: {error.strerror}.", f"It is SEGAN's {CHECKPOINT}.") from error
