"""What `choose` does."""

from __future__ import annotations

from pathlib import Path

from ...jobs.run import JobRun
from ..refine.job import correct
from ..refine.places import find


def choose(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    places = find(request["session"], request["clip"], run.sessions)
    return correct(run, results, places, (), redraw=True, carry=places[0].carry, alternative=request["alternative"])
