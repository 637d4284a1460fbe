"""What may be asked of `choose`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...domain import MAX_ALTERNATIVES
from ..refine.request import Correction


class Choose(Correction):
    """Another answer of a separation, drawn in full. The result is a session of its own, and the other one stays."""

    name = "choose"
    alternative: Annotated[int, Field(ge=2, le=MAX_ALTERNATIVES, description="Which one, as the manifest counts them.")]
