"""How a job is run that nobody watches: with nobody to tell how it goes, and nobody to stop it."""

from __future__ import annotations

from pathlib import Path

from ..domain import Progress
from ..engine.spread import Executor
from .output import Output
from .sessions import Sessions


class Unwatched:
    """A Control for a job that is run here and now; the ledger of its output lies in `folder`, which is made."""

    def __init__(self, folder: Path, sessions: Sessions | None = None, executor: Executor | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.output = Output(folder / "output.json")
        self.sessions = sessions
        self.executor = executor

    def report(self, progress: Progress) -> None:
        """Nobody listens."""

    def cancelled(self) -> bool:
        return False
