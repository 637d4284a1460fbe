"""Answers the plug-ins that want something of a stem: tells which one it is, and asks the daemon, or says why not."""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
import time
import webbrowser
from pathlib import Path
from typing import Any

from .. import atomic
from ..domain import Box, Op
from ..errors import BadRequest, DaemonUnreachable, DapError, UnknownSession
from ..transport import protocol
from ..transport.dropfolder import CHOICE, STATUS
from ..transport.events import Accepted, Failed, JobEvent
from ..transport.heartbeat import heartbeat
from . import corrections, mask_requests, stems
from .corrections import Correction
from .mask_requests import MaskRequest
from .selections import FOLDER
from .stems import Result, Stem

ALIVE = "audacity.status"
BEAT_S, POLL_S = 1.0, 0.1
REDRAW = "redraw"
WHOLE = "Select a part of the track of a stem that DAP placed: of one clip, which is whole and as it came."


class Answers(threading.Thread):
    """Answers requests about masks until it is told to stop, and says so in <spool>/audacity.status. A context manager.

    A thread of its own: a plug-in waits for its answer while Audacity keeps its pipe waiting for the plug-in.
    """

    def __init__(self, spool: Path) -> None:
        super().__init__(daemon=True)
        self._spool = spool
        self._over = threading.Event()
        self._beaten = 0.0

    def __enter__(self) -> Answers:
        with contextlib.suppress(OSError):  # as in `run`
            self._say_alive()  # before the thread is under way: what is asked from here on it answers
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        (self._spool / ALIVE).unlink(missing_ok=True)

    def run(self) -> None:
        while not self._over.wait(POLL_S):
            with contextlib.suppress(OSError):  # the drop folder is not there, perhaps not yet
                if time.monotonic() - self._beaten > BEAT_S:
                    self._say_alive()
                for asked in mask_requests.claimed(self._spool):
                    self._answer(asked)

    def _say_alive(self) -> None:
        alive = protocol.lines({"time": int(time.time())})
        atomic.write_text(self._spool / ALIVE, alive, durable=False)
        self._beaten = time.monotonic()

    def _answer(self, asked: MaskRequest) -> None:
        try:
            answer(asked, self._spool)
        except DapError as error:
            _say(self._spool, Failed(job=asked.job, **error.as_dict()))


def answer(asked: MaskRequest, spool: Path) -> None:
    """Do what a plug-in asks for. Raises DapError where it cannot be done; nothing has changed then."""
    known = stems.results(spool)
    position, stem = locate(asked, known)
    session = stem.result.session
    _keep_clip(stem.result, spool)
    if stem.result.drawn != (asked.op != REDRAW):
        raise _wrong_answer(stem.result)
    place = (session, stem.index, position, asked.track, asked.start, asked.end, stem.result.alternative)
    if asked.op == "edit":
        _open_editor(Correction(session, *place), spool)
        _say(spool, Accepted(job=asked.job, verb=asked.op))
        return
    origin = stems.origins(known)
    if any(origin.get(other.session) == origin[session] for other in corrections.waiting(spool, corrections.OF_BOX)):
        raise BadRequest("An earlier box of these masks is on its way.", "Try again once its stems are there.")
    request: dict[str, Any] = {"verb": "undo", "job": asked.job, "session": session}
    if asked.op in list(Op):
        request |= {"verb": "refine", "box": [box_of(asked, position, stem)], "carry": asked.carry}
    elif asked.op == REDRAW:
        request |= {"verb": "choose", "alternative": stem.result.alternative}
    elif not stem.result.boxes:
        raise BadRequest("No box has corrected the masks of this stem.", "There is nothing to take back.")
    Correction(asked.job, *place).write(spool, corrections.OF_BOX)
    atomic.write_text(spool / "inbox" / f"{asked.job}.json", json.dumps(request))


def _wrong_answer(result: Result) -> BadRequest:
    """What is drawn in full need not be drawn, and nothing else can be corrected."""
    if result.drawn:
        return BadRequest(
            "This stem is drawn in full already.",
            "Other answers, where a selection has any, stand on muted tracks: select a part of one of these.",
        )
    return BadRequest(
        "This answer is one of several, and not drawn in full yet.", "Run DAP Redraw chosen alternative first."
    )


def locate(asked: MaskRequest, known: list[Result]) -> tuple[int, Stem]:
    """The project's frame that the selected clip begins at, and which stem it is. Raises UnknownSession."""
    first, last = _clip_of(asked)
    alike = [result for result in known if (result.rate, result.frames) == (round(asked.rate), last - first)]
    audio = stems.read(asked.audio)
    for late in (0, 1, -1):  # of edges that lie between two samples
        before = first - round(asked.start * asked.rate) - late
        inside = audio[max(before, 0) : last - first + before]
        stem = stems.tell(inside, max(-before, 0), alike)
        if stem is not None:
            return first, stem
    raise UnknownSession("This is no stem that the bridge remembers.", WHOLE)


def box_of(asked: MaskRequest, position: int, stem: Stem) -> str:
    """As the protocol writes a box. Raises BadRequest where it is empty."""
    clip = stem.result
    start = max(asked.start - position / clip.rate, 0.0)
    end = min(asked.end - position / clip.rate, clip.frames / clip.rate)
    low = 0.0 if asked.low is None else asked.low
    high = min(math.inf if asked.high is None else asked.high, clip.rate / 2)
    if low >= high:
        raise BadRequest(
            "The range of frequencies is empty, or lies above what the stem holds.",
            "Drag it in the spectrogram; without one, all frequencies are meant.",
        )
    return Box(stem.index, Op(asked.op), start, end, low, high, asked.strength).as_text()


def _clip_of(asked: MaskRequest) -> tuple[int, int]:
    """First and last frame of the clip that a selection lies in, of the project. Raises UnknownSession."""
    touched = [clip for clip in asked.clips if min(clip[1], asked.end) - max(clip[0], asked.start) > 1 / asked.rate]
    if not touched:
        raise UnknownSession("There is no sound in the selection.", WHOLE)
    if len(touched) > 1:
        raise UnknownSession("The selection reaches over several clips.", WHOLE)
    start, end = (round(edge * asked.rate) for edge in touched[0])
    return start, end


def _keep_clip(result: Result, spool: Path) -> None:
    """What is worked on stays in the drop folder for as long again."""
    if result.clip.parent == spool / FOLDER:
        with contextlib.suppress(OSError):
            os.utime(result.clip)


def _open_editor(correction: Correction, spool: Path) -> None:
    editor = heartbeat(spool).get("editor")
    if not editor:
        raise DaemonUnreachable("This bridge has no mask editor.", "Update dap-bridge, and start it again.")
    (spool / "outbox" / f"{correction.session}{CHOICE}").unlink(missing_ok=True)
    correction.write(spool, corrections.OF_EDITOR)
    if not webbrowser.open(editor + correction.session):
        raise UnknownSession("No browser could be opened.", f"Open it yourself: dap-bridge edit {correction.session}")


def _say(spool: Path, event: JobEvent) -> None:
    atomic.write_text(spool / "outbox" / f"{event.job}{STATUS}", protocol.as_lines(event))
