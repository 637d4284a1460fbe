"""What may be asked of `undo`."""

from __future__ import annotations

from ..refine.request import Correction


class Undo(Correction):
    """A session without the last of its boxes. The result is a session of its own, and the other one stays."""

    name = "undo"
