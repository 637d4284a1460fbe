"""`dap-bridge audacity`: waits for what the plug-in sent, and brings the stems into Audacity."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import DapError, HostUnreachable
from ..transport import protocol
from . import selections
from .pipe import Pipe
from .place import place
from .selections import Selection

POLL_S = 0.3


@dataclass(frozen=True)
class Outcome:
    """What became of a selection: the tracks that were made, or a sentence and a hint."""

    job: str
    track: str
    tracks: tuple[str, ...] = ()
    message: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        return bool(self.tracks)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def follow(spool: Path, once: bool, say: Callable[[str], None]) -> Iterator[Outcome]:
    """What becomes of each selection, as it happens; ends when none is waiting, if `once`.

    Where Audacity cannot be reached `say` is told, and it is tried again: the stems lie where the sentence says.
    """
    said: set[str] = set()
    while True:
        waiting = list(selections.waiting(spool))
        for selection in waiting:
            try:
                outcome = _look(selection, spool)
            except HostUnreachable as error:
                sentence = f"{error.message} {error.hint}"
                if sentence not in said:
                    said.add(sentence)
                    say(sentence)
                continue
            if outcome is not None:
                said.clear()
                yield outcome
        if once and not waiting:
            return
        time.sleep(POLL_S)


def _look(selection: Selection, spool: Path) -> Outcome | None:
    """How a selection's job ended, with its stems brought in; None while it runs. Raises HostUnreachable."""
    event = _event(spool, selection.job)
    match event.get("event"):
        case "done":
            return _bring(selection, Path(event.get("manifest", "")))
        case "failed":
            outcome = _ended(selection, event.get("message", "It failed."), event.get("hint", ""))
        case "cancelled":
            outcome = _ended(selection, "It was cancelled.")
        case _:
            return None
    selection.remove()
    return outcome


def _bring(selection: Selection, manifest: Path) -> Outcome:
    with Pipe() as pipe:
        # From here on it is tried once: half an import is not followed by a second one.
        selection.path.unlink(missing_ok=True)
        try:
            tracks = tuple(place(pipe, selection, manifest))
        except DapError as error:
            return _ended(selection, error.message, f"The stems lie in {manifest.parent}; import them by hand.")
        finally:
            selection.remove()
    return Outcome(selection.job, selection.track, tracks)


def _ended(selection: Selection, message: str, hint: str = "") -> Outcome:
    return Outcome(selection.job, selection.track, message=message, hint=hint)


def _event(spool: Path, job: str) -> dict[str, str]:
    """The latest event of a job; empty while there is none."""
    try:
        text = (spool / "outbox" / f"{job}.status").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return protocol.parse_lines(text)
