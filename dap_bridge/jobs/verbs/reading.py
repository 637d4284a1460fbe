"""A clip as a job reads it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...audio.files import ClipReader
from ...domain import Clip
from ..run import Run


class RunReader(ClipReader):
    """Between any two stretches the job may be stopped, and is seen to be at work, whoever reads them."""

    def __init__(self, clip: Clip, run: Run) -> None:
        super().__init__(clip)
        self._run = run

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        """As ClipReader does; raises Cancelled once the user wants the job to stop."""
        self._run.stop_if_cancelled()
        return super().read(start, frames)
