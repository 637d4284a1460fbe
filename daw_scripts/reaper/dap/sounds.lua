-- How made-up sound comes into the project: an item on a new track below its source's, each result a take of it.
local tracks = require("dap.tracks")

local sounds = {}

local NO_FADES = { D_FADEINLEN = 0, D_FADEOUTLEN = 0 }

-- As loud as the item it goes on from; with its fades where it takes its place.
local function item_values(clip, options)
  local values = { B_LOOPSRC = options.loop == "yes" and 1 or 0 }
  for key, value in pairs(options.fades == "yes" and clip.item_shape or NO_FADES) do values[key] = value end
  values.D_VOL = clip.item_shape.D_VOL
  return values
end

-- made: a manifest whose stems have their media. Options of the order: position and length of the item in seconds, `offset`
-- into its files, and yes or no for loop, fades, mute (the source item).
function sounds.build(project, order, made)
  local clip, options = order.clips[1], order.options
  local track = tracks.single(project, clip.track_guid, order.title)
  local item = tracks.add_item(track, tonumber(options.position), tonumber(options.length), item_values(clip, options))
  local first
  for _, result in ipairs(made.stems) do
    local values = { D_STARTOFFS = tonumber(options.offset) }
    for key, value in pairs(clip.take_shape) do values[key] = value end
    local take = tracks.add_take(item, result.media, result.name, values)
    first = first or take
  end
  reaper.SetActiveTake(first)
  local source = tracks.find_item(project, clip.item_guid)
  if source and options.mute == "yes" then reaper.SetMediaItemInfo_Value(source, "B_MUTE", 1) end
end

return sounds
