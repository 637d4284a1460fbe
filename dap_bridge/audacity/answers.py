"""Answers the plug-ins that want something of a stem: tells which one it is, and asks the bridge, or says why not."""

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
from . import edits, marks, stems
from .edits import Edit
from .marks import Mark
from .selections import FOLDER
from .stems import Result, Stem

ALIVE = "audacity.status"
BEAT_S, POLL_S = 1.0, 0.1
WHOLE = "Select a part of the track of a stem that DAP placed: of one clip, which is whole and as it came."


class Answers(threading.Thread):
    """Answers marks until it is told to stop, and says so in <spool>/audacity.status. A context manager.

    A thread of its own: a plug-in waits for its answer while Audacity keeps its pipe waiting for the plug-in.
    """

    def __init__(self, spool: Path) -> None:
        super().__init__(daemon=True)
        self._spool = spool
        self._over = threading.Event()

    def __enter__(self) -> Answers:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        (self._spool / ALIVE).unlink(missing_ok=True)

    def run(self) -> None:
        beaten = 0.0
        while not self._over.wait(POLL_S):
            with contextlib.suppress(OSError):  # the drop folder is not there, perhaps not yet
                if time.monotonic() - beaten > BEAT_S:
                    alive = protocol.lines({"time": int(time.time())})
                    atomic.write_text(self._spool / ALIVE, alive, durable=False)
                    beaten = time.monotonic()
                for mark in marks.claimed(self._spool):
                    self._answer(mark)

    def _answer(self, mark: Mark) -> None:
        try:
            answer(mark, self._spool)
        except DapError as error:
            _say(self._spool, Failed(job=mark.job, **error.as_dict()))


def answer(mark: Mark, spool: Path) -> None:
    """Do what a mark asks for. Raises DapError where it cannot be done; nothing has changed then."""
    known = stems.results(spool)
    position, stem = locate(mark, known)
    session = stem.result.session
    _keep_clip(stem.result, spool)
    if mark.op == "edit":
        edit = Edit(session, session, stem.index, position, mark.track, mark.start, mark.end)
        _open_editor(edit, spool)
        _say(spool, Accepted(job=mark.job, verb=mark.op))
        return
    origin = stems.origins(known)
    if any(origin.get(other.session) == origin[session] for other in edits.waiting(spool, edits.EDIT)):
        raise BadRequest("An earlier edit of these masks is on its way.", "Try again once its stems are there.")
    request: dict[str, Any] = {"verb": "undo", "job": mark.job, "session": session}
    if mark.op in list(Op):
        request |= {"verb": "refine", "box": [box_of(mark, position, stem)], "carry": mark.carry}
    elif not stem.result.boxes:
        raise BadRequest("The masks of this stem have not been edited.", "There is nothing to take back.")
    edit = Edit(mark.job, session, stem.index, position, mark.track, mark.start, mark.end)
    edit.write(spool, edits.EDIT)
    atomic.write_text(spool / "inbox" / f"{mark.job}.json", json.dumps(request))


def locate(mark: Mark, known: list[Result]) -> tuple[int, Stem]:
    """The project's frame that the selected clip begins at, and which stem it is. Raises UnknownSession."""
    first, last = _clip_of(mark)
    alike = [result for result in known if (result.rate, result.frames) == (round(mark.rate), last - first)]
    audio = stems.read(mark.audio)
    for late in (0, 1, -1):  # of edges that lie between two samples
        before = first - round(mark.start * mark.rate) - late
        inside = audio[max(before, 0) : last - first + before]
        stem = stems.tell(inside, max(-before, 0), alike)
        if stem is not None:
            return first, stem
    raise UnknownSession("This is no stem that the bridge remembers.", WHOLE)


def box_of(mark: Mark, position: int, stem: Stem) -> str:
    """As the protocol writes a box. Raises BadRequest where it is empty."""
    clip = stem.result
    start = max(mark.start - position / clip.rate, 0.0)
    end = min(mark.end - position / clip.rate, clip.frames / clip.rate)
    low = 0.0 if mark.low is None else mark.low
    high = min(math.inf if mark.high is None else mark.high, clip.rate / 2)
    if low >= high:
        raise BadRequest(
            "The range of frequencies is empty, or lies above what the stem holds.",
            "Drag it in the spectrogram; without one, all frequencies are meant.",
        )
    return Box(stem.index, Op(mark.op), start, end, low, high, mark.strength).as_text()


def _clip_of(mark: Mark) -> tuple[int, int]:
    """First and last frame of the clip that a selection lies in, of the project. Raises UnknownSession."""
    touched = [clip for clip in mark.clips if min(clip[1], mark.end) - max(clip[0], mark.start) > 1 / mark.rate]
    if not touched:
        raise UnknownSession("There is no sound in the selection.", WHOLE)
    if len(touched) > 1:
        raise UnknownSession("The selection reaches over several clips.", WHOLE)
    start, end = (round(edge * mark.rate) for edge in touched[0])
    return start, end


def _keep_clip(result: Result, spool: Path) -> None:
    """What is worked on stays in the drop folder for as long again."""
    if result.clip.parent == spool / FOLDER:
        with contextlib.suppress(OSError):
            os.utime(result.clip)


def _open_editor(edit: Edit, spool: Path) -> None:
    editor = heartbeat(spool).get("editor")
    if not editor:
        raise DaemonUnreachable("This bridge has no mask editor.", "Update dap-bridge, and start it again.")
    (spool / "outbox" / f"{edit.session}{CHOICE}").unlink(missing_ok=True)
    edit.write(spool, edits.EDITOR)
    if not webbrowser.open(editor + edit.session):
        raise UnknownSession("No browser could be opened.", f"Open it yourself: dap-bridge edit {edit.session}")


def _say(spool: Path, event: JobEvent) -> None:
    atomic.write_text(spool / "outbox" / f"{event.job}{STATUS}", protocol.as_lines(event))
