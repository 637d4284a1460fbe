"""What `undo` does."""

from __future__ import annotations

from pathlib import Path

from ...errors import BadRequest
from ...jobs.run import JobRun
from ..refine.job import correct
from ..refine.places import find


def undo(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest."""
    places = find(run.job.request["session"], run.job.request["clip"], run.sessions)
    session = places[0]
    if not session.boxes:
        raise BadRequest(f"Session {session.id} has no box that could be taken back.")
    return correct(run, results, places, session.boxes[:-1], redraw=True, carry=session.carry)
