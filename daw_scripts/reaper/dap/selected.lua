-- The selected stems, for actions on masks and on answers.
local alternatives = require("dap.alternatives")
local sentences = require("dap.sentences")
local sessions = require("dap.sessions")

local selected = {}

selected.NONE = "Select one or more stems that a separation with DAP has made first."
selected.DRAWN = "The take that is heard is drawn in full already.\n\n"
  .. "Where a stem has other answers as takes, press T to hear them."

-- What is needed of an item to find a time of it in its file; see times.lua.
local function shape_of(item, take)
  return {
    position = reaper.GetMediaItemInfo_Value(item, "D_POSITION"),
    offset = reaper.GetMediaItemTakeInfo_Value(take, "D_STARTOFFS"),
    rate = reaper.GetMediaItemTakeInfo_Value(take, "D_PLAYRATE"),
  }
end

-- The selected items of a project whose active take is a stem: a list of {item, take, name, shape, length, known}, where
-- `known` is what sessions.lua knows of the stem.
local function all(project)
  local about, found = sessions.reader(), {}
  for index = 0, reaper.CountSelectedMediaItems(project) - 1 do
    local item = reaper.GetSelectedMediaItem(project, index)
    local take = reaper.GetActiveTake(item)
    local known = take and about(take)
    if known then
      found[#found + 1] = {
        item = item, take = take, name = reaper.GetTakeName(take), shape = shape_of(item, take), known = known,
        length = reaper.GetMediaItemInfo_Value(item, "D_LENGTH"),
      }
    end
  end
  return found
end

-- Those that can be corrected, of the first answer or drawn in full; nil and a sentence where there are none.
function selected.stems(project)
  local stems, found = all(project), {}
  for _, stem in ipairs(stems) do
    if stem.known.alternative == alternatives.FIRST then found[#found + 1] = stem end
  end
  if #found > 0 then return found end
  return nil, #stems > 0 and sentences.UNDRAWN or selected.NONE
end

-- Those that cannot, being of further answers; nil and a sentence where there are none.
function selected.undrawn(project)
  local stems, found = all(project), {}
  for _, stem in ipairs(stems) do
    if stem.known.alternative ~= alternatives.FIRST then found[#found + 1] = stem end
  end
  if #found > 0 then return found end
  return nil, #stems > 0 and selected.DRAWN or selected.NONE
end

return selected
