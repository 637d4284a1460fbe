-- How the stems of items come into the project: a folder of tracks for each item, a stem each, right below its track. The stems
-- of further answers are takes of the same items.
local alternatives = require("dap.alternatives")
local tracks = require("dap.tracks")

local stems = {}

-- A take that starts where its item starts between two frames, and sounds as loud as the item it comes from.
local function take_values(clip)
  local values = { D_STARTOFFS = clip.offset }
  for key, value in pairs(clip.take_shape) do values[key] = value end
  return values
end

-- The first answer is the one that is heard.
local function add_takes(item, stem, made, values)
  local first = tracks.add_take(item, stem.media, stem.name, values)
  for _, alternative in ipairs(alternatives.further(made)) do
    for _, other in ipairs(alternative.stems) do
      if other.index == stem.index then tracks.add_take(item, other.media, other.name, values) end
    end
  end
  reaper.SetActiveTake(first)
end

local function build_folder(project, clip, own, made)
  local names = {}
  for number, stem in ipairs(own) do names[number] = stem.name end
  local folder = tracks.folder(project, clip.track_guid, clip.name .. " - stems", names)
  for number, stem in ipairs(own) do
    local item = tracks.add_item(folder[number], clip.position, clip.length, clip.item_shape)
    add_takes(item, stem, made, take_values(clip))
  end
end

-- A sound that belongs to no item alone: on a track of its own below the last item's, from where the first item starts.
local function build_single(project, clips, stem)
  local track = tracks.single(project, clips[#clips].track_guid, stem.name)
  local item = tracks.add_item(track, clips[1].position, (reaper.GetMediaSourceLength(stem.media)), {})
  tracks.add_take(item, stem.media, stem.name, {})
end

-- The items that were separated: all where stems say which they are of, else the first, and the others were examples.
local function separated(clips, made)
  for _, stem in ipairs(made.stems) do
    if stem.input then return clips end
  end
  return { clips[1] }
end

-- The stems of one item: those that say so by `input`, or all where there is one item.
local function of_item(all, number, items)
  local own = {}
  for _, stem in ipairs(all) do
    if stem.input == number or (items == 1 and not stem.input) then own[#own + 1] = stem end
  end
  return own
end

-- made: a manifest whose stems have their media.
function stems.build(project, order, made)
  local clips = separated(order.clips, made)
  for number, clip in ipairs(clips) do
    build_folder(project, clip, of_item(made.stems, number, #clips), made)
    local item = tracks.find_item(project, clip.item_guid)
    if item and order.options.mute == "yes" then reaper.SetMediaItemInfo_Value(item, "B_MUTE", 1) end
  end
  for _, stem in ipairs(#clips > 1 and made.stems or {}) do
    if not stem.input then build_single(project, clips, stem) end
  end
end

return stems
