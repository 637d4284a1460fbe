"""A separation and its stems by keys and clicks alone, as where there is no scripting pipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from dap_bridge.audacity import selections
from tests.hosts.audacity.host import ANSWER_S, BELOW, KEY_S, NEXT, PLUGIN, START_S, Audacity
from tests.processes import until

# Of a key, before it is said that the program heeds none.
TRIES = 5


@dataclass(frozen=True)
class ByHand:
    """The samples that Audacity's project holds in the end, and those that were to come there, one after the other."""

    samples: np.ndarray
    clip_and_stems: np.ndarray


def by_hand(audacity: Audacity, clip: Path, data: Path) -> ByHand:
    """Separate the clip that stands there alone, and bring its two stems; ends Audacity. Raises AssertionError.

    data: the daemon's folder.
    """
    display = audacity.display
    until(lambda: display.windows(clip.stem), START_S)
    _insist(lambda: display.press("ctrl+a", "ctrl+alt+1"), lambda: bool(display.windows(PLUGIN)))
    display.press(*["Tab"] * 4, "ctrl+a", *"quick", "Return")
    until(lambda: list(selections.waiting(audacity.spool)), ANSWER_S)
    job = audacity.job_done()
    stems = sorted((data / "jobs" / job / "result").glob("stem-*.wav"))
    for taken in ([1], []):

        def brought(taken: list[int] = taken) -> bool:
            return [selection.taken for selection in selections.waiting(audacity.spool)] == taken

        def heeded(brought: Callable[[], bool] = brought) -> bool:
            return bool(display.windows(NEXT)) or brought()  # its progress: a key more would bring one more

        _insist(lambda: (display.click(*BELOW), display.press("ctrl+alt+2")), heeded)
        until(brought, ANSWER_S)
        until(lambda: not display.windows(NEXT), ANSWER_S)
    display.picture("audacity-by-hand")
    parts = [soundfile.read(path, dtype="float32")[0] for path in (clip, *stems)]
    return ByHand(audacity.end(), np.concatenate(parts))


def _insist(act: Callable[[], object], happened: Callable[[], bool]) -> None:
    """A key that is pressed while the program is busy may be lost."""
    for _ in range(TRIES):
        act()
        try:
            until(happened, KEY_S)
            return
        except AssertionError:
            continue
    raise AssertionError("the program does not heed its keys")
