-- How refined stems come into the project: as a new take of every item that holds a stem of the session they come from. The
-- takes before stay as they are, to compare with.
local loop = require("dap.loop")
local sessions = require("dap.sessions")
local tracks = require("dap.tracks")

local takes = {}

local SHAPE = { "D_STARTOFFS", "D_PLAYRATE", "D_PITCH", "D_VOL", "D_PAN" }

local function values_of(take)
  local values = {}
  for _, name in ipairs(SHAPE) do values[name] = reaper.GetMediaItemTakeInfo_Value(take, name) end
  return values
end

-- The take of an item that is a stem of `session`, and what is known of it.
local function take_of(item, session, about)
  for number = 0, reaper.CountTakes(item) - 1 do
    local take = reaper.GetTake(item, number)
    local found = take and about(take)
    if found and found.session == session then return take, found end
  end
  return nil
end

-- Every item of a project with a stem of `session`: a list of {item, take, stem}. Sees a few items a tick.
function takes.find(project, session)
  local about, found, slice = sessions.reader(), {}, reaper.time_precise()
  for index = 0, reaper.CountMediaItems(project) - 1 do
    local item = reaper.GetMediaItem(project, index)
    local take, known = nil, nil
    if item then take, known = take_of(item, session, about) end
    if take then found[#found + 1] = { item = item, take = take, stem = known.stem } end
    if reaper.time_precise() - slice > loop.SLICE_S then
      loop.pause()
      if not reaper.ValidatePtr2(0, project, "ReaProject*") then return {} end
      slice = reaper.time_precise()
    end
  end
  return found
end

-- The items that get takes are looked for before anything is changed; nil and a sentence where there are none.
function takes.prepare(project, order)
  local found = takes.find(project, order.options.session)
  if #found == 0 then return nil, "no item of this project holds a stem of that separation any more" end
  return found
end

-- made: a manifest whose stems have their media; found: what prepare gave. An item that has a take of that session already
-- gets no other: it is the one that is heard then.
function takes.build(project, _, made, found)
  local by_index, about = {}, sessions.reader()
  for _, stem in ipairs(made.stems) do by_index[stem.index] = stem end
  for _, place in ipairs(found) do
    local stem = by_index[place.stem]
    if stem and reaper.ValidatePtr2(project, place.take, "MediaItem_Take*") then
      local there = take_of(place.item, made.session, about)
      reaper.SetActiveTake(there or tracks.add_take(place.item, stem.media, stem.name, values_of(place.take)))
    end
  end
end

-- The takes of `session` in the items that takes.find gave.
function takes.of(project, found, session)
  local about, there = sessions.reader(), {}
  for _, place in ipairs(found) do
    if reaper.ValidatePtr2(project, place.item, "MediaItem*") then
      there[#there + 1] = take_of(place.item, session, about)
    end
  end
  return there
end

return takes
