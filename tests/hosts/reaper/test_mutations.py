"""Seven mistakes, each planted in a copy of the scripts: the checks that the others rely on do notice them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import Host, laid_out
from tests.hosts.reaper.test_separate import SEPARATE, add_item
from tests.hosts.reaper.test_static import wrong
from tests.processes import Process


def play(host: Host, clip: Path) -> None:
    """The main job, with a change of tabs in the middle, held against all that is promised of it."""
    add_item(host, clip, take="{D_STARTOFFS = 0.25}", length=0.5)
    before, other = host.tracks(), host.tracks("other")
    host.run(SEPARATE)
    host.lua("sim.model.front = other")
    host.until()
    tracks = host.tracks()
    assert [track["info"]["I_FOLDERDEPTH"] for track in tracks] == [0, 1, 0, -1]
    assert [track["items"][0]["info"]["D_POSITION"] for track in tracks[2:]] == [1.25, 1.25]
    assert host.tracks("other") == other
    assert host.lua("return sim.slowest") < 0.005
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


# file, what stands there, what stands there instead
MUTATIONS = {
    "missing argument": ("tracks.lua", 'track, "P_NAME", name, true', 'track, "P_NAME", name'),
    "lost undo end": (
        "place.lua",
        "reaper.Undo_EndBlock2(project, name, EVERYTHING)",
        "",
    ),
    "wrong position": ("tracks.lua", '"D_POSITION", position', '"D_POSITION", position + 1 / 16000'),
    "misspelt function": ("tracks.lua", "reaper.AddMediaItemToTrack", "reaper.AddMediaItemToTracks"),
    "wrong project": ("place.lua", "if project ~= front then reaper.SelectProjectInstance(project) end", ""),
    "wrong folder depth": ("tracks.lua", "number == #names and -1 or 0", "number == #names and 0 or 0"),
    "blocking wait in defer": (
        "loop.lua",
        "    loop.pause()\n  end\nend\n\nreturn",
        "    local from = reaper.time_precise() while reaper.time_precise() < from + 0.02 do end\n"
        "    loop.pause()\n  end\nend\n\nreturn",
    ),
}


def test_without_a_mistake_all_is_well(
    daemon: Process, reaper: Callable[..., Host], sound: Callable[..., np.ndarray], write_clip: Callable[..., Path]
) -> None:
    play(reaper(daemon), write_clip(sound(), RATE))


@pytest.mark.parametrize("mistake", MUTATIONS)
def test_a_mistake_is_noticed(
    mistake: str,
    daemon: Process,
    reaper: Callable[..., Host],
    sound: Callable[..., np.ndarray],
    write_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    name, right, mistaken = MUTATIONS[mistake]
    scripts = laid_out(tmp_path / "scripts")
    path = scripts / "dap" / name
    text = path.read_text(encoding="utf-8")
    assert text.count(right) == 1
    path.write_text(text.replace(right, mistaken), encoding="utf-8")
    if mistake in ("missing argument", "misspelt function"):
        assert wrong(path.read_text(encoding="utf-8")) != [], "seen without running"
    with pytest.raises(AssertionError):
        play(reaper(daemon, scripts=scripts), write_clip(sound(), RATE))
