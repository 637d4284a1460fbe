"""Every call of Ardour's own in a Lua file, read from its text, and what Ardour's versions offer (api.json)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hosts.reaper.lua_calls import arguments, tokens_of

VERSIONS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("api.json").read_text())["versions"]
SPACES = ("ARDOUR", "C", "Editing", "LuaDialog", "LuaSignal", "PBD", "Temporal")
# Of strings, of files, and of our own modules.
LUA = frozenset(
    [
        "byte",
        "close",
        "find",
        "format",
        "gmatch",
        "gsub",
        "lower",
        "match",
        "read",
        "rep",
        "seek",
        "sub",
        "upper",
        "wanted",
        "write",
    ]
)
REGION, TRACK, ROUTE = "ARDOUR.AudioRegion", "ARDOUR.Track", "ARDOUR.Route"
# What our scripts call things of Ardour.
NAMES = {
    "Session": "Session",
    "Editor": "Editor",
    **dict.fromkeys(("region", "any", "other", "old", "whole", "bounce", "made"), REGION),
    "track": "ARDOUR.AudioTrack",
    "created": "ARDOUR.AudioTrackList",
    **dict.fromkeys(("route", "a", "b"), ROUTE),
    "route_group": "ARDOUR.RouteGroup",
    "playlist": "ARDOUR.Playlist",
    "location": "ARDOUR.Location",
    "object": REGION,
    "source": "ARDOUR.FileSource",
    "set": "LuaSignal.Set",
    "paths": "C.StringVector",
    "readable": "ARDOUR.ReadableList",
    "regions": "ArdourUI.RegionSelection",
    "time": "ArdourUI.TimeSelection",
    "tracks": "ArdourUI.TrackSelection",
}
# What their methods, functions and constructors give.
GIVEN = {
    "get_tracks": "ARDOUR.RouteListPtr",
    "routelist": "ARDOUR.RouteList",
    "route_by_id": ROUTE,
    "regionlist": "ARDOUR.RegionList",
    "region_list": "ARDOUR.RegionListPtr",
    "ARDOUR.RegionFactory.regions": "ARDOUR.RegionMap",
    "ARDOUR.RegionFactory.clone_region": REGION,
    "to_audioregion": REGION,
    "to_track": TRACK,
    "to_filesource": "ARDOUR.FileSource",
    "source": "ARDOUR.FileSource",
    "playlist": "ARDOUR.Playlist",
    "position": "Temporal.timepos_t",
    "start": "Temporal.timepos_t",
    "_end": "Temporal.timepos_t",
    "length": "Temporal.timecnt_t",
    "to_stateful": "PBD.StatefulPtr",
    "id": "PBD.ID",
    "presentation_info_ptr": "ARDOUR.PresentationInfo",
    "mute_control": "ARDOUR.MuteControl",
    "locations": "ARDOUR.Locations",
    "envelope": "ARDOUR.AutomationList",
    "list": "ARDOUR.LocationList",
    "events": "ARDOUR.EventList",
    "get_selection": "ArdourUI.Selection",
}


@dataclass(frozen=True)
class Call:
    """A method of a class, or a function or constructor of a whole name (then `of` is empty); -1: it is not called."""

    of: str
    name: str
    arguments: int
    line: int


def calls(text: str) -> Iterator[Call]:
    """Raises KeyError with what NAMES or GIVEN do not tell of."""
    tokens = tokens_of(text)
    words = [word for word, _ in tokens]
    for at, (word, line) in enumerate(tokens):
        if word in SPACES and words[at - 1] not in (".", ":") and words[at + 1] == ".":
            end = at
            while words[end + 1] == ".":
                end += 2
            called = words[end + 1] == "("
            yield Call("", "".join(words[at : end + 1]), arguments(words, end + 2) if called else -1, line)
        elif word == ":" and words[at + 2] == "(" and words[at + 1] not in LUA:
            yield Call(_class_of(words, at - 1, line), words[at + 1], arguments(words, at + 3), line)


def _class_of(words: list[str], at: int, line: int) -> str:
    """Of what ends with the word at this place."""
    if words[at] != ")":
        if words[at] not in NAMES:
            raise KeyError(f"line {line}: what is {words[at]}?")
        return NAMES[words[at]]
    depth, opening = 1, at
    while depth:
        opening -= 1
        depth += {")": 1, "(": -1}.get(words[opening], 0)
    name = words[opening - 1]
    start = opening - 1
    while words[start - 1] == ".":
        start -= 2
    whole = "".join(words[start:opening])
    found = GIVEN.get(whole) or GIVEN.get(name) or (whole if whole.startswith(SPACES) else None)
    if found is None:
        raise KeyError(f"line {line}: what does {whole} give?")
    return found


def wrong(text: str, version: str) -> list[str]:
    """What is wrong with the calls of a Lua text, in this version of Ardour."""
    offered, found = VERSIONS[version], []
    for call in calls(text):
        whole = f"{call.of}:{call.name}" if call.of else call.name
        takes = _takes(offered, call)
        if takes is None:
            found.append(f"line {call.line}: {whole} is not offered")
        elif takes and call.arguments not in takes:
            found.append(f"line {call.line}: {whole} takes {takes} arguments, not {call.arguments}")
    return found


def _takes(offered: dict[str, Any], call: Call) -> list[int] | None:
    """How many arguments it may be given; empty where that is not told; None where there is no such thing."""
    if not call.of:
        if call.name in offered["constants"]:
            return [-1]
        if call.name in offered["constructors"]:
            return list(offered["constructors"][call.name])
        count = offered["functions"].get(call.name, False)
        return None if count is False else [] if count is None else [count, -1]
    known = offered["classes"].get(call.of)
    if known is None:
        return None
    if call.name in known["methods"]:
        count = known["methods"][call.name]
        return [] if count is None else [count]
    above = (_takes(offered, Call(base, call.name, call.arguments, call.line)) for base in known["is"])
    return next((takes for takes in above if takes is not None), None)
