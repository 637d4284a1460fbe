-- Stems onto new tracks: a folder right below the source track, in one undo step.
local geometry = require("dap.geometry")

local place = {}

local EVERYTHING = -1
-- Written on every track we make: the GUID of the track whose stems it holds.
local MARK = "P_EXT:dap_bridge_source"

local function find(count, get, guid_of, project, guid)
  for index = 0, count(project) - 1 do
    local found = get(project, index)
    if guid_of(found) == guid then return found end
  end
  return nil
end

local function find_track(project, guid)
  return find(reaper.CountTracks, reaper.GetTrack, geometry.track_guid, project, guid)
end

local function find_item(project, guid)
  return find(reaper.CountMediaItems, reaper.GetMediaItem, geometry.item_guid, project, guid)
end

local function depth(track) return math.floor(reaper.GetMediaTrackInfo_Value(track, "I_FOLDERDEPTH")) end

local function mark_of(track)
  local _, text = reaper.GetSetMediaTrackInfo_String(track, MARK, "", false)
  return text
end

-- Index (from 0) of the first new track: below the source track and the stems it has already; at the end where the
-- source track is gone.
local function insertion(project, source, guid)
  if not source then return reaper.CountTracks(project) end
  local index = math.floor(reaper.GetMediaTrackInfo_Value(source, "IP_TRACKNUMBER"))
  while index < reaper.CountTracks(project) and mark_of(reaper.GetTrack(project, index)) == guid do index = index + 1 end
  return index
end

-- Where the track above closes folders, the new tracks go inside them: they close those folders instead.
-- Returns how many levels, as I_FOLDERDEPTH counts them (0 or below).
local function take_over_closings(project, index, source)
  if not source or index == 0 then return 0 end
  local above = reaper.GetTrack(project, index - 1)
  local own = above == source and 0 or -1 -- the last of earlier stems closes its own folder
  local closings = math.min(0, depth(above) - own)
  if closings < 0 then reaper.SetMediaTrackInfo_Value(above, "I_FOLDERDEPTH", own) end
  return closings
end

local function new_track(project, index, name, folder_depth, mark)
  reaper.InsertTrackAtIndex(index, false)
  local track = reaper.GetTrack(project, index)
  reaper.GetSetMediaTrackInfo_String(track, "P_NAME", name, true)
  reaper.GetSetMediaTrackInfo_String(track, MARK, mark, true)
  reaper.SetMediaTrackInfo_Value(track, "I_FOLDERDEPTH", folder_depth)
  return track
end

local function add_item(track, source, name, clip)
  local item = reaper.AddMediaItemToTrack(track)
  local take = reaper.AddTakeToMediaItem(item)
  reaper.SetMediaItemTake_Source(take, source)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", name, true)
  reaper.SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", clip.offset)
  for key, value in pairs(clip.take_shape) do reaper.SetMediaItemTakeInfo_Value(take, key, value) end
  reaper.SetMediaItemInfo_Value(item, "D_POSITION", clip.position)
  reaper.SetMediaItemInfo_Value(item, "D_LENGTH", clip.length)
  reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 0)
  for key, value in pairs(clip.item_shape) do reaper.SetMediaItemInfo_Value(item, key, value) end
end

-- A source for each stem; nil and a sentence where one cannot be read.
local function open_all(stems)
  local media = {}
  for number, stem in ipairs(stems) do
    media[number] = reaper.PCM_Source_CreateFromFile(stem.path)
    if not media[number] then return nil, "REAPER cannot read " .. stem.path end
  end
  return media
end

local function build(project, clip, stems, media, mute)
  local source = find_track(project, clip.track_guid)
  local index = insertion(project, source, clip.track_guid)
  local closings = take_over_closings(project, index, source)
  new_track(project, index, clip.name .. " - stems", 1, clip.track_guid)
  for number, stem in ipairs(stems) do
    local last = number == #stems
    local track = new_track(project, index + number, stem.name, last and closings - 1 or 0, clip.track_guid)
    add_item(track, media[number], stem.name, clip)
  end
  local item = find_item(project, clip.item_guid)
  if item and mute then reaper.SetMediaItemInfo_Value(item, "B_MUTE", 1) end
end

-- Put stems (each with name and path) on new tracks of `project`, whichever project is in front; the source item is muted
-- where `mute` says so. Returns the new media sources, or nil and a sentence; nothing is left half done in the interface.
function place.stems(project, clip, stems, mute)
  local media, trouble = open_all(stems)
  if not media then return nil, trouble end
  local front = reaper.EnumProjects(-1)
  if project ~= front then reaper.SelectProjectInstance(project) end
  reaper.PreventUIRefresh(1)
  reaper.Undo_BeginBlock2(project)
  local fine, why = pcall(build, project, clip, stems, media, mute)
  reaper.Undo_EndBlock2(project, "Separate with DAP: " .. clip.name, EVERYTHING)
  reaper.PreventUIRefresh(-1)
  if project ~= front then reaper.SelectProjectInstance(front) end
  reaper.TrackList_AdjustWindows(false)
  reaper.UpdateArrange()
  if fine then return media end
  return nil, tostring(why)
end

return place
