-- New tracks and items right below a source track.
local geometry = require("dap.geometry")

local tracks = {}

-- Written on every track we make: the GUID of the track whose stems it holds.
local TAG = "P_EXT:dap_bridge_source"

local function find(count, get, guid_of, project, guid)
  for index = 0, count(project) - 1 do
    local found = get(project, index)
    if guid_of(found) == guid then return found end
  end
  return nil
end

function tracks.find_item(project, guid)
  return find(reaper.CountMediaItems, reaper.GetMediaItem, geometry.item_guid, project, guid)
end

local function find_track(project, guid)
  return find(reaper.CountTracks, reaper.GetTrack, geometry.track_guid, project, guid)
end

local function depth(track) return math.floor(reaper.GetMediaTrackInfo_Value(track, "I_FOLDERDEPTH")) end

local function tag_of(track)
  local _, text = reaper.GetSetMediaTrackInfo_String(track, TAG, "", false)
  return text
end

-- Index (from 0) of the first new track: below the source track and what it has already; at the end where the source
-- track is gone.
local function insertion(project, source, guid)
  if not source then return reaper.CountTracks(project) end
  local index = math.floor(reaper.GetMediaTrackInfo_Value(source, "IP_TRACKNUMBER"))
  while index < reaper.CountTracks(project) and tag_of(reaper.GetTrack(project, index)) == guid do index = index + 1 end
  return index
end

-- Where the tracks above close folders that the source track stands in, the new tracks go inside them: they close those
-- folders instead. Returns how many levels, as I_FOLDERDEPTH counts them (0 or below).
local function take_over_closings(project, index, source)
  if not source then return 0 end
  local level = 0
  for above = math.floor(reaper.GetMediaTrackInfo_Value(source, "IP_TRACKNUMBER")) - 1, index - 1 do
    level = level + depth(reaper.GetTrack(project, above))
  end
  local closings = math.min(0, level)
  local last = reaper.GetTrack(project, index - 1)
  if closings < 0 then reaper.SetMediaTrackInfo_Value(last, "I_FOLDERDEPTH", depth(last) - closings) end
  return closings
end

local function new_track(project, index, name, folder_depth, tag)
  reaper.InsertTrackAtIndex(index, false)
  local track = reaper.GetTrack(project, index)
  reaper.GetSetMediaTrackInfo_String(track, "P_NAME", name, true)
  reaper.GetSetMediaTrackInfo_String(track, TAG, tag, true)
  reaper.SetMediaTrackInfo_Value(track, "I_FOLDERDEPTH", folder_depth)
  return track
end

-- Tracks below the one with the GUID `source_guid`, each with its name and folder depth.
local function insert(project, source_guid, names, depths)
  local source = find_track(project, source_guid)
  local index = insertion(project, source, source_guid)
  local closings = take_over_closings(project, index, source)
  local made = {}
  for number, name in ipairs(names) do
    local last = number == #names
    made[number] = new_track(project, index + number - 1, name, depths[number] + (last and closings or 0), source_guid)
  end
  return made
end

-- A folder below a track, of tracks named `names`. Returns these, without the folder's own.
function tracks.folder(project, source_guid, title, names)
  local all, depths = { title }, { 1 }
  for number, name in ipairs(names) do
    all[number + 1], depths[number + 1] = name, number == #names and -1 or 0
  end
  local made = insert(project, source_guid, all, depths)
  table.remove(made, 1)
  return made
end

-- A single track below another.
function tracks.single(project, source_guid, name) return insert(project, source_guid, { name }, { 0 })[1] end

-- A new take of an item: source, name, and values of SetMediaItemTakeInfo_Value by their names.
function tracks.add_take(item, source, name, values)
  local take = reaper.AddTakeToMediaItem(item)
  reaper.SetMediaItemTake_Source(take, source)
  reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", name, true)
  for key, value in pairs(values) do reaper.SetMediaItemTakeInfo_Value(take, key, value) end
  return take
end

-- A new item that does not loop, with values of SetMediaItemInfo_Value by their names.
function tracks.add_item(track, position, length, values)
  local item = reaper.AddMediaItemToTrack(track)
  reaper.SetMediaItemInfo_Value(item, "D_POSITION", position)
  reaper.SetMediaItemInfo_Value(item, "D_LENGTH", length)
  reaper.SetMediaItemInfo_Value(item, "B_LOOPSRC", 0)
  for key, value in pairs(values) do reaper.SetMediaItemInfo_Value(item, key, value) end
  return item
end

return tracks
