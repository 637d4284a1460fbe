"""What is heard of the selected items, and where stems go: as dap/geometry.lua and dap/place.lua do it."""

import math
import os

import reaper_python as rpr

FADES = ("D_FADEINLEN", "D_FADEOUTLEN", "D_FADEINLEN_AUTO", "D_FADEOUTLEN_AUTO")
FADE_SHAPES = ("C_FADEINSHAPE", "C_FADEOUTSHAPE", "D_FADEINDIR", "D_FADEOUTDIR")
ITEM_SHAPE = (*FADES, *FADE_SHAPES, "D_VOL")
TAKE_SHAPE = ("D_VOL", "D_PAN")
FILE_TYPES = ("WAVE", "AIFF", "FLAC")
TAG = "P_EXT:dap_bridge_source"
TEXT = 4096
# A position in frames this close to a whole one is that one: seconds are doubles.
FRAME_EPSILON = 1e-4
EVERYTHING = -1


def item_guid(item):
    return rpr.RPR_GetSetMediaItemInfo_String(item, "GUID", "", False)[3]


def track_text(track, name):
    return rpr.RPR_GetSetMediaTrackInfo_String(track, name, "", False)[3]


def _obstacle(take, source, offset, length, file):
    """Why the file alone does not say what is heard, or None."""

    def value(name):
        return rpr.RPR_GetMediaItemTakeInfo_Value(take, name)

    kind = rpr.RPR_GetMediaSourceType(source, "", TEXT)[1]
    if kind not in FILE_TYPES or not file:
        return "its source is no plain file"
    if value("D_PLAYRATE") != 1 or value("D_PITCH") != 0 or rpr.RPR_GetTakeNumStretchMarkers(take) > 0:
        return "it is stretched or transposed"
    if value("I_CHANMODE") != 0:
        return "its channel mode is not normal"
    if offset < 0 or offset + length > rpr.RPR_GetMediaSourceLength(source, False)[0] + 1e-9:
        return "it is looped or longer than its source"
    return None


def describe(item):
    """(clip, None), or (None, why it is left out)."""
    take = rpr.RPR_GetActiveTake(item)
    if not rpr.RPR_ValidatePtr2(0, take, "MediaItem_Take*"):
        return None, "an empty item"
    name = rpr.RPR_GetSetMediaItemTakeInfo_String(take, "P_NAME", "", False)[3]
    if rpr.RPR_TakeIsMIDI(take):
        return None, f'"{name}" is MIDI'
    source = rpr.RPR_GetMediaItemTake_Source(take)
    file = rpr.RPR_GetMediaSourceFileName(source, "", TEXT)[1]
    rate = rpr.RPR_GetMediaSourceSampleRate(source)
    offset = rpr.RPR_GetMediaItemTakeInfo_Value(take, "D_STARTOFFS")
    length = rpr.RPR_GetMediaItemInfo_Value(item, "D_LENGTH")
    obstacle = _obstacle(take, source, offset, length, file)
    if obstacle:
        return None, f'"{name}": {obstacle}; the action "DAP_Separate selected items.lua" can read it'
    first = math.floor(offset * rate + FRAME_EPSILON)
    frames = max(1, math.ceil((offset + length) * rate - FRAME_EPSILON) - first)
    return {
        "item_guid": item_guid(item),
        "track_guid": track_text(rpr.RPR_GetMediaItem_Track(item), "GUID"),
        "name": name,
        "file": file,
        "rate": rate,
        "start": first,
        "frames": frames,
        "offset": max(0.0, offset - first / rate),
        "position": rpr.RPR_GetMediaItemInfo_Value(item, "D_POSITION"),
        "length": length,
        "item_shape": {key: rpr.RPR_GetMediaItemInfo_Value(item, key) for key in ITEM_SHAPE},
        "take_shape": {key: rpr.RPR_GetMediaItemTakeInfo_Value(take, key) for key in TAKE_SHAPE},
    }, None


def selected(project):
    """(clips, reasons) of the selected items."""
    count = rpr.RPR_CountSelectedMediaItems(project)
    found = [describe(rpr.RPR_GetSelectedMediaItem(project, index)) for index in range(count)]
    return [clip for clip, _ in found if clip], [reason for _, reason in found if reason]


def _tracks(project):
    return [rpr.RPR_GetTrack(project, index) for index in range(rpr.RPR_CountTracks(project))]


def _new_track(project, index, name, depth, tag):
    rpr.RPR_InsertTrackAtIndex(index, False)
    track = rpr.RPR_GetTrack(project, index)
    rpr.RPR_GetSetMediaTrackInfo_String(track, "P_NAME", name, True)
    rpr.RPR_GetSetMediaTrackInfo_String(track, TAG, tag, True)
    rpr.RPR_SetMediaTrackInfo_Value(track, "I_FOLDERDEPTH", depth)
    return track


def _add_item(track, path, name, clip):
    item = rpr.RPR_AddMediaItemToTrack(track)
    take = rpr.RPR_AddTakeToMediaItem(item)
    rpr.RPR_SetMediaItemTake_Source(take, rpr.RPR_PCM_Source_CreateFromFile(path))
    rpr.RPR_GetSetMediaItemTakeInfo_String(take, "P_NAME", name, True)
    for key, value in {"D_STARTOFFS": clip["offset"], **clip["take_shape"]}.items():
        rpr.RPR_SetMediaItemTakeInfo_Value(take, key, value)
    placed = {"D_POSITION": clip["position"], "D_LENGTH": clip["length"], "B_LOOPSRC": 0}
    for key, value in {**placed, **clip["item_shape"]}.items():
        rpr.RPR_SetMediaItemInfo_Value(item, key, value)


def _depth(track):
    return int(rpr.RPR_GetMediaTrackInfo_Value(track, "I_FOLDERDEPTH"))


def _insertion(project, guid):
    """Index of the first new track, and how many folder levels it takes over from the tracks above (0 or below)."""
    tracks = _tracks(project)
    guids = [track_text(track, "GUID") for track in tracks]
    if guid not in guids:
        return len(tracks), 0
    source = guids.index(guid)
    index = source + 1
    while index < len(tracks) and track_text(tracks[index], TAG) == guid:
        index += 1
    closings = min(0, sum(_depth(track) for track in tracks[source:index]))
    if closings:
        last = tracks[index - 1]
        rpr.RPR_SetMediaTrackInfo_Value(last, "I_FOLDERDEPTH", _depth(last) - closings)
    return index, closings


def _build(project, clip, stems, mute):
    index, closings = _insertion(project, clip["track_guid"])
    _new_track(project, index, clip["name"] + " - stems", 1, clip["track_guid"])
    for number, (name, path) in enumerate(stems, 1):
        depth = closings - 1 if number == len(stems) else 0
        _add_item(_new_track(project, index + number, name, depth, clip["track_guid"]), path, name, clip)
    for number in range(rpr.RPR_CountMediaItems(project) if mute else 0):
        item = rpr.RPR_GetMediaItem(project, number)
        if item_guid(item) == clip["item_guid"]:
            rpr.RPR_SetMediaItemInfo_Value(item, "B_MUTE", 1)


def place(project, placements, undo_name):
    """Put stems on new tracks of `project`, in one undo step, whichever tab is in front.

    A placement is (clip, stems, mute); stems are pairs of name and path.
    """
    front = rpr.RPR_EnumProjects(-1, "", TEXT)[0]
    if front != project:
        rpr.RPR_SelectProjectInstance(project)
    rpr.RPR_PreventUIRefresh(1)
    rpr.RPR_Undo_BeginBlock2(project)
    try:
        for clip, stems, mute in placements:
            _build(project, clip, stems, mute)
    finally:
        rpr.RPR_Undo_EndBlock2(project, undo_name, EVERYTHING)
        rpr.RPR_PreventUIRefresh(-1)
        if front != project:
            rpr.RPR_SelectProjectInstance(front)
        rpr.RPR_TrackList_AdjustWindows(False)
        rpr.RPR_UpdateArrange()


def output_folder(project, job):
    """The field that names where a job's stems go; none where the project has no folder."""
    folder = rpr.RPR_GetProjectPathEx(project, "", TEXT)[1]
    return {"out": os.path.join(folder, "dap-stems", job)} if folder else {}
