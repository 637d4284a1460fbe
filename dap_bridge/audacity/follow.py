"""`dap-bridge audacity`: waits for what the plug-in sent, and brings the stems into Audacity."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from ..errors import DaemonUnreachable, DapError, HostUnreachable
from ..transport import protocol
from ..transport.dropfolder import CHOICE, STATUS
from . import corrections, programs, selections
from .answers import Answers
from .corrections import Correction
from .pipe import Pipe
from .place import place, read_manifest, require_stems
from .revise import revise
from .selections import Selection

POLL_S = 0.3
BY_HAND = "Stems are ready: Generate > DAP Next stem brings them, for this Audacity takes no commands."
Revise = Callable[[Correction, Path, str, Path], "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What became of a selection: the tracks that were made, or a sentence and a hint.

    waits: for the user to bring it in.
    """

    job: str
    track: str
    tracks: tuple[str, ...] = ()
    message: str = ""
    hint: str = ""
    waits: bool = False

    @property
    def ok(self) -> bool:
        return bool(self.tracks) or self.waits

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def follow(spool: Path, once: bool, say: Callable[[str], None]) -> Iterator[Outcome]:
    """What becomes of each selection and each edit of a mask, as it happens; ends when none is waiting, if `once`.

    Where Audacity cannot be reached `say` is told, and it is tried again: the stems lie where the sentence says. Where
    none has a scripting pipe, what was separated is left to DAP Next stem, and so is what comes of edits.
    """
    said: set[str] = set()
    by_hand = False

    def say_once(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            say(sentence)

    with Answers(spool):
        while True:
            polls = list(_polls(spool, by_hand))
            for poll in polls:
                try:
                    outcome = poll()
                except HostUnreachable as error:
                    by_hand = programs.take_no_commands(programs.found())
                    say_once(BY_HAND if by_hand else f"{error.message} {error.hint}")
                    continue
                except DaemonUnreachable as error:
                    say_once(f"{error.message} {error.hint}")
                    continue
                if outcome is not None:
                    said.clear()
                    yield outcome
            if once and not polls:
                return
            time.sleep(POLL_S)


def _polls(spool: Path, by_hand: bool) -> Iterator[Callable[[], Outcome | None]]:
    """For all that is waited for, what asks how its job ended; None while it runs. Raise HostUnreachable."""
    for selection in () if by_hand else selections.waiting(spool):
        yield partial(_poll, selection, spool)
    revise_stems = _hand_over if by_hand else _revise
    for correction in corrections.waiting(spool, corrections.OF_BOX):
        yield partial(_poll_correction, correction, spool, revise_stems)
    for correction in corrections.waiting(spool, corrections.OF_EDITOR):
        if _event(spool, correction.job, CHOICE):
            yield partial(_take_choice, correction, spool, revise_stems)


def _poll(selection: Selection, spool: Path) -> Outcome | None:
    event = _event(spool, selection.job, STATUS)
    if event.get("event") == "done":
        return _bring(selection, Path(event.get("manifest", "")))
    reason = _failure(event)
    if reason is None:
        return None
    selection.remove()
    return Outcome(selection.job, selection.track, message=reason[0], hint=reason[1])


def _bring(selection: Selection, manifest: Path) -> Outcome:
    with Pipe() as pipe:
        # From here on it is tried once: half an import is not followed by a second one.
        selection.forget()
        try:
            tracks = tuple(place(pipe, selection, manifest))
        except DapError as error:
            selection.remove()
            return _useless(selection, error, manifest)
    if read_manifest(manifest).verb != "separate":  # what was separated is needed when its masks are corrected
        selection.remove()
    return Outcome(selection.job, selection.track, tracks)


def _poll_correction(correction: Correction, spool: Path, revise_stems: Revise) -> Outcome | None:
    event = _event(spool, correction.job, STATUS)
    if event.get("event") == "done":
        outcome = revise_stems(correction, spool, correction.job, Path(event.get("manifest", "")))
    else:
        reason = _failure(event)
        if reason is None:
            return None
        outcome = Outcome(correction.job, correction.track, message=reason[0], hint=reason[1])
    correction.forget(spool)
    return outcome


def _take_choice(correction: Correction, spool: Path, revise_stems: Revise) -> Outcome:
    """What the mask editor has sent."""
    event = _event(spool, correction.job, CHOICE)
    outcome = revise_stems(correction, spool, event.get("session", ""), Path(event.get("manifest", "")))
    (spool / "outbox" / f"{correction.job}{CHOICE}").unlink(missing_ok=True)
    return outcome


def _revise(correction: Correction, spool: Path, job: str, manifest: Path) -> Outcome:
    """The stems that a job made, into the place of those that stand there."""
    with Pipe() as pipe:
        try:
            tracks, missing = revise(pipe, spool, correction, manifest)
        except (HostUnreachable, DaemonUnreachable):
            raise
        except DapError as error:
            return _useless(correction, error, manifest)
    absent = f"Stem {', '.join(map(str, missing))} did not stand there, and is as it was." if missing else ""
    return Outcome(correction.job, correction.track, tuple(tracks), message=absent)


def _hand_over(correction: Correction, spool: Path, job: str, manifest: Path) -> Outcome:
    """The stems that a job made are what DAP Next stem brings, to where the old ones begin."""
    try:
        made = require_stems(manifest)
    except DapError as error:
        return _useless(correction, error, manifest)
    start = correction.position / made.rate
    selections.write(spool, job, correction.track, start, start + made.frames / made.rate)
    return Outcome(correction.job, correction.track, message=BY_HAND, waits=True)


def _failure(event: dict[str, str]) -> tuple[str, str] | None:
    """Why there is no result, and what to do; None while there may be one."""
    match event.get("event"):
        case "failed":
            return event.get("message", "It failed."), event.get("hint", "")
        case "cancelled":
            return "It was cancelled.", ""
    return None


def _useless(waiting: Selection | Correction, error: DapError, manifest: Path) -> Outcome:
    hint = f"The stems lie in {manifest.parent}; import them by hand."
    return Outcome(waiting.job, waiting.track, message=error.message, hint=hint)


def _event(spool: Path, job: str, kind: str) -> dict[str, str]:
    """The latest event of a job, or what the mask editor has sent of it; empty while there is none."""
    try:
        text = (spool / "outbox" / f"{job}{kind}").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    return protocol.parse_lines(text)
