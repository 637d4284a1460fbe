"""`reaper_python` for tests: a small REAPER behind the functions of Python ReaScript.

Run as a program: `reaper_stub.py ACTION.py`, with the scene as JSON on standard input; prints the model as JSON.
As in REAPER, every function takes as many arguments as in C; where C fills some of them, a tuple of all comes back, the
result first.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
import types
from pathlib import Path
from typing import Any

import soundfile

API = Path(__file__).with_name("reaper_api.json")
# Arguments in C of the functions that the scripts use: where Lua returns a value, C fills an argument.
C_ARGUMENTS = {
    "AddMediaItemToTrack": 1, "AddTakeToMediaItem": 1, "ClearConsole": 0, "CountMediaItems": 1,
    "CountSelectedMediaItems": 1, "CountTracks": 1, "EnumProjExtState": 7, "EnumProjects": 3, "GetActiveTake": 1,
    "GetExtState": 2, "GetMediaItem": 2, "GetMediaItemInfo_Value": 2, "GetMediaItemTakeInfo_Value": 2,
    "GetMediaItemTake_Source": 1, "GetMediaItem_Track": 1, "GetMediaSourceFileName": 3, "GetMediaSourceLength": 2,
    "GetMediaSourceSampleRate": 1, "GetMediaSourceType": 3, "GetMediaTrackInfo_Value": 2, "GetProjExtState": 5,
    "GetProjectPathEx": 3, "GetResourcePath": 0, "GetSelectedMediaItem": 2, "GetSetMediaItemInfo_String": 4,
    "GetSetMediaItemTakeInfo_String": 4, "GetSetMediaTrackInfo_String": 4, "GetTakeNumStretchMarkers": 1,
    "GetTrack": 2, "GetUserInputs": 5, "InsertTrackAtIndex": 2, "PCM_Source_CreateFromFile": 1, "PreventUIRefresh": 1,
    "SelectProjectInstance": 1, "SetExtState": 4, "SetMediaItemInfo_Value": 3, "SetMediaItemTakeInfo_Value": 3,
    "SetMediaItemTake_Source": 2, "SetMediaTrackInfo_Value": 3, "SetProjExtState": 4, "ShowConsoleMsg": 1,
    "ShowMessageBox": 3, "TakeIsMIDI": 1, "TrackList_AdjustWindows": 1, "Undo_BeginBlock2": 1, "Undo_EndBlock2": 3,
    "UpdateArrange": 0, "ValidatePtr2": 3, "defer": 1,
}  # fmt: skip
ITEM = {"D_POSITION": 0.0, "D_LENGTH": 0.0, "B_LOOPSRC": 1, "B_MUTE": 0, "D_VOL": 1.0} | dict.fromkeys(
    ["D_FADEINLEN", "D_FADEOUTLEN", "C_FADEINSHAPE", "C_FADEOUTSHAPE", "D_FADEINDIR", "D_FADEOUTDIR"], 0.0
) | {"D_FADEINLEN_AUTO": -1.0, "D_FADEOUTLEN_AUTO": -1.0}  # fmt: skip
TAKE = {"D_STARTOFFS": 0.0, "D_PLAYRATE": 1.0, "D_PITCH": 0.0, "I_CHANMODE": 0, "D_VOL": 1.0, "D_PAN": 0.0}


class Reaper:
    """Handles are strings, as Python ReaScript gives them: "(MediaTrack*)0x3"."""

    def __init__(self, scene: dict[str, Any]) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.ext: dict[str, str] = scene.get("ext", {})
        self.messages: list[str] = []
        self.console: list[str] = []
        self.inputs: list[str] = scene.get("inputs", [])
        self.undo: list[str] = []
        self.block: str | None = None
        self.refresh = 0
        self.deferred: list[str] = []
        self.projects = [self.new("ReaProject", tracks=[], ext={}, path=scene["path"]) for _ in range(2)]
        self.front = self.projects[0]
        self.mode = scene.get("mode", "")
        self.things[self.front]["ext"] = scene.get("waiting", {})
        for item in scene.get("items", []):
            self._add(item)

    def _add(self, scene: dict[str, Any]) -> None:
        project = self.things[self.front]
        track = self.track("Source")
        project["tracks"].append(track)
        item = self.new("MediaItem", track=track, project=self.front, takes=[], info=ITEM | scene.get("item", {}))
        self.things[item]["selected"] = True
        self.things[track]["items"].append(item)
        if not scene:
            return
        source = self.source(scene["file"])
        info = TAKE | scene.get("take", {})
        take = self.new("MediaItem_Take", item=item, info=info, name=scene["name"], source=source)
        self.things[item]["takes"].append(take)
        self.things[item]["info"]["D_LENGTH"] = scene.get("length", self.things[source]["length"])

    def new(self, kind: str, **fields: Any) -> str:
        handle = f"({kind}*)0x{len(self.things) + 1:016X}"
        self.things[handle] = {"kind": kind, "guid": f"{{{len(self.things):08X}}}", **fields}
        return handle

    def track(self, name: str) -> str:
        text = {"P_NAME": name}
        return self.new("MediaTrack", project=self.front, items=[], info={"I_FOLDERDEPTH": 0}, text=text)

    def source(self, file: str) -> str:
        about = soundfile.info(file)
        return self.new("PCM_source", file=file, rate=about.samplerate, length=about.frames / about.samplerate)

    def change(self, project: str) -> None:
        assert self.block == project, "changed a project outside of its own undo block"

    def items(self, project: str) -> list[str]:
        return [item for track in self.things[project or self.front]["tracks"] for item in self.things[track]["items"]]

    def selection(self, project: str) -> list[str]:
        return [item for item in self.items(project) if self.things[item].get("selected")]


def functions(host: Reaper) -> dict[str, Any]:
    """Every function by its name: (arguments) -> what Python gets."""
    thing = host.things

    def get_set(handle: str, key: str, value: str, change: bool) -> tuple[Any, ...]:
        one = thing[handle]
        if key == "GUID":
            return (True, handle, key, one["guid"], change)
        if one["kind"] == "MediaItem_Take":
            if change:
                one["name"] = value
            return (True, handle, key, one["name"], change)
        if change:
            host.change(one["project"])
            one["text"][key] = value
        return (True, handle, key, one["text"].get(key, ""), change)

    def set_info(handle: str, key: str, value: float) -> bool:
        assert key in thing[handle]["info"], key
        assert host.block, "changed outside of an undo block"
        thing[handle]["info"][key] = value
        return True

    def get_info(handle: str, key: str) -> float:
        if key == "IP_TRACKNUMBER":
            return thing[thing[handle]["project"]]["tracks"].index(handle) + 1
        return thing[handle]["info"][key]

    def insert_track(index: int, _: bool) -> None:
        host.change(host.front)
        thing[host.front]["tracks"].insert(index, host.track(""))

    def add(kind: str, owner: str, list_name: str, **fields: Any) -> str:
        made = host.new(kind, **fields)
        thing[owner][list_name].append(made)
        return made

    def begin(project: str) -> None:
        assert host.block is None
        host.block = project

    def end(project: str, name: str, _: int) -> None:
        assert host.block == project
        host.block = None
        host.undo.append(name)

    def refresh(by: int) -> None:
        host.refresh += by

    def set_ext(project: str, section: str, key: str, value: str) -> int:
        assert not set(value) & set("\"'`\t\n"), "a project file could not hold this value"
        thing[project]["ext"][key] = value
        if not value:
            del thing[project]["ext"][key]
        return len(value)

    def enum_ext(project: str, section: str, index: int, *rest: Any) -> tuple[Any, ...]:
        kept = sorted(thing[project]["ext"].items())
        if index >= len(kept):
            return (False, project, section, index, *rest)
        key, value = kept[index]
        return (True, project, section, index, key, rest[1], value, rest[3])

    def inputs(title: str, count: int, captions: str, values: str, size: int) -> tuple[Any, ...]:
        return (bool(host.inputs), title, count, captions, host.inputs.pop(0) if host.inputs else values, size)

    def select(project: str) -> None:
        host.front = project

    def set_source(take: str, source: str) -> bool:
        thing[take]["source"] = source
        return True

    return {
        "AddMediaItemToTrack": lambda t: add(
            "MediaItem", t, "items", track=t, project=thing[t]["project"], takes=[], info=dict(ITEM)
        ),
        "AddTakeToMediaItem": lambda i: add("MediaItem_Take", i, "takes", item=i, info=dict(TAKE), name=""),
        "ClearConsole": lambda: None,
        "CountMediaItems": lambda p: len(host.items(p)),
        "CountSelectedMediaItems": lambda p: len(host.selection(p)),
        "CountTracks": lambda p: len(thing[p]["tracks"]),
        "EnumProjExtState": enum_ext,
        "EnumProjects": lambda i, b, s: (host.front if i == -1 else host.projects[i], i, "", s),
        "GetActiveTake": lambda i: thing[i]["takes"][0] if thing[i]["takes"] else "(MediaItem_Take*)0x0000000000000000",
        "GetExtState": lambda s, k: host.ext.get(k, ""),
        "GetMediaItem": lambda p, i: host.items(p)[i],
        "GetMediaItemInfo_Value": get_info,
        "GetMediaItemTakeInfo_Value": get_info,
        "GetMediaItemTake_Source": lambda t: thing[t]["source"],
        "GetMediaItem_Track": lambda i: thing[i]["track"],
        "GetMediaSourceFileName": lambda s, b, n: (s, thing[s]["file"], n),
        "GetMediaSourceLength": lambda s, q: (thing[s]["length"], s, False),
        "GetMediaSourceSampleRate": lambda s: thing[s]["rate"],
        "GetMediaSourceType": lambda s, b, n: (s, "WAVE", n),
        "GetMediaTrackInfo_Value": get_info,
        "GetProjExtState": lambda p, s, k, b, n: (1, p, s, k, thing[p]["ext"].get(k, ""), n),
        "GetProjectPathEx": lambda p, b, n: (p, thing[p]["path"], n),
        "GetResourcePath": lambda: "/nowhere",
        "GetSelectedMediaItem": lambda p, i: host.selection(p)[i],
        "GetSetMediaItemInfo_String": get_set,
        "GetSetMediaItemTakeInfo_String": get_set,
        "GetSetMediaTrackInfo_String": get_set,
        "GetTakeNumStretchMarkers": lambda t: 0,
        "GetTrack": lambda p, i: thing[p]["tracks"][i],
        "GetUserInputs": inputs,
        "InsertTrackAtIndex": insert_track,
        "PCM_Source_CreateFromFile": host.source,
        "PreventUIRefresh": refresh,
        "SelectProjectInstance": select,
        "SetExtState": lambda s, k, v, _: host.ext.__setitem__(k, v),
        "SetMediaItemInfo_Value": set_info,
        "SetMediaItemTakeInfo_Value": set_info,
        "SetMediaItemTake_Source": set_source,
        "SetMediaTrackInfo_Value": set_info,
        "SetProjExtState": set_ext,
        "ShowConsoleMsg": host.console.append,
        "ShowMessageBox": lambda text, title, kind: host.messages.append(text) or 1,
        "TakeIsMIDI": lambda t: False,
        "TrackList_AdjustWindows": lambda _: None,
        "Undo_BeginBlock2": begin,
        "Undo_EndBlock2": end,
        "UpdateArrange": lambda: None,
        "ValidatePtr2": lambda p, h, kind: h in thing and f"{thing[h]['kind']}*" == kind,
        "defer": host.deferred.append,
    }


def module(host: Reaper) -> types.ModuleType:
    """`reaper_python`: names that the public API has, with the counts of C; anything else is an AttributeError."""
    public = json.loads(API.read_text(encoding="utf-8"))["functions"]
    made = types.ModuleType("reaper_python")
    for name, call in functions(host).items():
        assert name in public, name

        def checked(*given: Any, _name: str = name, _call: Any = call) -> Any:
            assert len(given) == C_ARGUMENTS[_name], f"{_name} takes {C_ARGUMENTS[_name]} arguments, not {len(given)}"
            return _call(*given)

        setattr(made, f"RPR_{name}", checked)
    return made


def play(action: str) -> None:
    host = Reaper(json.loads(sys.stdin.read()))
    sys.modules["reaper_python"] = module(host)
    # Python ReaScript keeps the script's globals alive and runs deferred text in them.
    space = runpy.run_path(action)
    slowest = 0.0
    while host.deferred:
        if host.mode == "other tab":
            host.front = host.projects[1]
        text = host.deferred.pop(0)
        began = time.process_time()
        exec(text, space)
        slowest = max(slowest, time.process_time() - began)
        assert host.block is None
        assert host.refresh == 0
        time.sleep(0.02)
    answer = {
        "tracks": [[_track(host, track) for track in host.things[project]["tracks"]] for project in host.projects],
        "messages": host.messages, "console": host.console, "undo": host.undo, "ext": host.ext, "slowest": slowest,
        "waiting": host.things[host.projects[0]]["ext"], "front": host.projects.index(host.front),
    }  # fmt: skip
    print(json.dumps(answer))


def _track(host: Reaper, handle: str) -> dict[str, Any]:
    track = host.things[handle]
    items = []
    for item in track["items"]:
        for take in map(host.things.get, host.things[item]["takes"]):
            items.append(host.things[item]["info"] | take["info"] | {"file": host.things[take["source"]]["file"]})
    return {"name": track["text"]["P_NAME"], "depth": track["info"]["I_FOLDERDEPTH"], "items": items}


if __name__ == "__main__":
    play(sys.argv[1])
