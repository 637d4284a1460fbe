-- What of an item is heard, and whether a stretch of its file says so.
local geometry = {}

-- The formats that REAPER and the daemon read to the same samples; others (mp3, video …) are read through REAPER.
local FILE_TYPES = { WAVE = true, AIFF = true, FLAC = true }
local DOWNMIX, LEFT, FIRST_PAIR = 2, 3, 67
-- A position in frames this close to a whole one is that one: seconds are doubles.
local FRAME_EPSILON = 1e-4

local ITEM_SHAPE = {
  "D_FADEINLEN", "D_FADEOUTLEN", "D_FADEINLEN_AUTO", "D_FADEOUTLEN_AUTO", "C_FADEINSHAPE", "C_FADEOUTSHAPE",
  "D_FADEINDIR", "D_FADEOUTDIR", "D_VOL",
}
local TAKE_SHAPE = { "D_VOL", "D_PAN" }

local function guid(get, object)
  local _, text = get(object, "GUID", "", false)
  return text
end

function geometry.item_guid(item) return guid(reaper.GetSetMediaItemInfo_String, item) end
function geometry.track_guid(track) return guid(reaper.GetSetMediaTrackInfo_String, track) end

-- Channels that are heard of `source` under a take's channel mode (I_CHANMODE).
local function heard_channels(mode, source_channels)
  if mode >= FIRST_PAIR then return 2 end
  if mode >= LEFT or mode == DOWNMIX then return 1 end
  return source_channels
end

-- Why the file alone does not say what is heard, or nil where it does.
local function obstacle(take, source, offset, length, file)
  local value = function(name) return reaper.GetMediaItemTakeInfo_Value(take, name) end
  if reaper.GetMediaSourceParent(source) then return "section or reversed" end
  if file == "" or not FILE_TYPES[reaper.GetMediaSourceType(source)] then return "format" end
  if value("D_PLAYRATE") ~= 1 then return "play rate" end
  if value("D_PITCH") ~= 0 then return "pitch" end
  if value("I_CHANMODE") ~= 0 then return "channel mode" end
  if reaper.GetTakeNumStretchMarkers(take) > 0 then return "stretch markers" end
  local source_length = reaper.GetMediaSourceLength(source)
  if offset < 0 or offset + length > source_length + 1e-9 then return "looped or longer than its source" end
  return nil
end

-- First frame and count of frames that hold [offset, offset + length] seconds.
local function frame_range(offset, length, rate)
  local first = math.floor(offset * rate + FRAME_EPSILON)
  local last = math.ceil((offset + length) * rate - FRAME_EPSILON)
  return first, math.max(1, last - first)
end

local function shape(get, object, names)
  local values = {}
  for _, name in ipairs(names) do values[name] = get(object, name) end
  return values
end

-- Everything about an item that separating it needs; nil and a reason where it cannot be separated.
function geometry.describe(item)
  local take = reaper.GetActiveTake(item)
  if not take then return nil, "an empty item" end
  local name = reaper.GetTakeName(take)
  if reaper.TakeIsMIDI(take) then return nil, ("\"%s\" is MIDI"):format(name) end
  local source = reaper.GetMediaItemTake_Source(take)
  local rate = reaper.GetMediaSourceSampleRate(source)
  if rate <= 0 then return nil, ("\"%s\" has no audio"):format(name) end
  local offset = reaper.GetMediaItemTakeInfo_Value(take, "D_STARTOFFS")
  local length = reaper.GetMediaItemInfo_Value(item, "D_LENGTH")
  local file = reaper.GetMediaSourceFileName(source)
  if name == "" then name = file:match("([^/\\]+)$") or "item" end
  local mode = math.floor(reaper.GetMediaItemTakeInfo_Value(take, "I_CHANMODE"))
  local clip = {
    item = item,
    take = take,
    item_guid = geometry.item_guid(item),
    track_guid = geometry.track_guid(reaper.GetMediaItem_Track(item)),
    name = name,
    file = file,
    rate = math.floor(rate),
    channels = heard_channels(mode, reaper.GetMediaSourceNumChannels(source)),
    position = reaper.GetMediaItemInfo_Value(item, "D_POSITION"),
    length = length,
    obstacle = obstacle(take, source, offset, length, file),
    item_shape = shape(reaper.GetMediaItemInfo_Value, item, ITEM_SHAPE),
    take_shape = shape(reaper.GetMediaItemTakeInfo_Value, take, TAKE_SHAPE),
  }
  clip.start, clip.frames = frame_range(clip.obstacle and 0 or offset, length, clip.rate)
  -- What of an item starts between two frames still starts there.
  clip.offset = clip.obstacle and 0 or math.max(0, offset - clip.start / clip.rate)
  return clip
end

-- The selected items of a project: descriptions, and why some are left out.
function geometry.selected(project)
  local clips, refused = {}, {}
  for index = 0, reaper.CountSelectedMediaItems(project) - 1 do
    local clip, reason = geometry.describe(reaper.GetSelectedMediaItem(project, index))
    if clip then clips[#clips + 1] = clip else refused[#refused + 1] = reason end
  end
  return clips, refused
end

return geometry
