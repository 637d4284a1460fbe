-- How the stems of an item come into the project: a folder of tracks, a stem each, right below the source track.
local tracks = require("dap.tracks")

local stems = {}

-- A take that starts where its item starts between two frames, and sounds as loud as the item it comes from.
local function take_values(clip)
  local values = { D_STARTOFFS = clip.offset }
  for key, value in pairs(clip.take_shape) do values[key] = value end
  return values
end

-- made: results with name and media, in their order.
function stems.build(project, task, made)
  local clip, names = task.clips[1], {}
  for number, stem in ipairs(made) do names[number] = stem.name end
  local folder = tracks.folder(project, clip.track_guid, clip.name .. " - stems", names)
  for number, stem in ipairs(made) do
    local item = tracks.add_item(folder[number], clip.position, clip.length, clip.item_shape)
    tracks.add_take(item, stem.media, stem.name, take_values(clip))
  end
  local item = tracks.find_item(project, clip.item_guid)
  if item and task.options.mute == "yes" then reaper.SetMediaItemInfo_Value(item, "B_MUTE", 1) end
end

return stems
