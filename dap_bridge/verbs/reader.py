"""A clip as a job reads it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..audio.files import ClipReader
from ..domain import ClipRef
from ..jobs.run import JobRun


class JobClipReader(ClipReader):
    """What is odd about the clip's files is noted for the user; between any two stretches the job may be stopped, and
    is seen to be at work, whoever reads them.
    """

    def __init__(self, clip: ClipRef, run: JobRun) -> None:
        """Raises as ClipReader does, and Cancelled where the user does not want to wait for its decoding."""
        super().__init__(clip, run.reading)
        self._run = run
        run.notes += self.warnings

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        """As ClipReader does; raises Cancelled once the user wants the job to stop."""
        self._run.stop_if_cancelled()
        return super().read(start, frames)
