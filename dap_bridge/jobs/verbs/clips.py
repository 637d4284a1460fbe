"""A job's clips, opened."""

from __future__ import annotations

from ...audio.files import ClipReader
from ...domain import Clip
from ..run import Run


def open_clip(run: Run, clip: Clip) -> ClipReader:
    """The clip, to be closed by the caller; what is odd about its files is noted for the user.

    Raises as ClipReader does, and Cancelled where the user does not want to wait for its decoding.
    """
    reader = ClipReader(clip, run.reading)
    run.notes += reader.warnings
    return reader
