-- The selected stems, for actions on masks.
local sessions = require("dap.sessions")

local selected = {}

selected.NONE = "Select one or more stems that a separation with DAP has made first."

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
function selected.stems(project)
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

return selected
