"""Every call of the scripts, in the versions of Ardour that they are for; 7.3 runs them too (test_round_trip.py)."""

from __future__ import annotations

import pytest

from dap_bridge.install import ardour
from tests.hosts.ardour.lua_calls import VERSIONS, Call, calls, wrong
from tests.hosts.ardour.test_static import SCRIPTS

FILES = sorted([*SCRIPTS.glob("*.lua"), *ardour.library()])


# What the scripts try, and do without (place.lua); an argument that earlier versions leave unread (regions.lua).
HANDLED = {
    "ARDOUR.RouteGroup is not offered": ("7.3", "8.0", "8.12"),
    "ARDOUR.AudioTrack:bounce_range takes [6] arguments, not 7": ("7.3", "8.0"),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_call_is_offered_and_has_a_legal_count(version: str) -> None:
    found = [trouble.partition(": ")[2] for path in FILES for trouble in wrong(path.read_text("utf-8"), version)]
    assert sorted(found) == sorted(trouble for trouble, versions in HANDLED.items() if version in versions)


def test_the_reader_of_calls_reads() -> None:
    text = """
    local region = ARDOUR.RegionFactory.region_by_id(PBD.ID(id)) -- region:comment()
    region:set_mutedd(true)
    track:playlist():add_region(region, position, 1)
    Editor:get_selection().time:start_sample()
    """
    assert list(calls(text)) == [
        Call("", "ARDOUR.RegionFactory.region_by_id", 1, 2),
        Call("", "PBD.ID", 1, 2),
        Call("ARDOUR.AudioRegion", "set_mutedd", 1, 3),
        Call("ARDOUR.AudioTrack", "playlist", 0, 4),
        Call("ARDOUR.Playlist", "add_region", 3, 4),
        Call("Editor", "get_selection", 0, 5),
        Call("ArdourUI.TimeSelection", "start_sample", 0, 5),
    ]
    for version in VERSIONS:
        assert [line.partition(":")[0] for line in wrong(text, version)] == ["line 3", "line 4"]
    assert sum(1 for path in FILES for _ in calls(path.read_text(encoding="utf-8"))) > 150
