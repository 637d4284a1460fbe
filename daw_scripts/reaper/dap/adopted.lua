-- How adopted stems come into the project: as stems of the item that they are of; those that were there are muted with it.
local stems = require("dap.stems")
local tracks = require("dap.tracks")

local adopted = {}

function adopted.build(project, order, made)
  stems.build(project, order, made)
  if order.options.mute ~= "yes" then return end
  for _, clip in ipairs(order.clips) do
    local item = tracks.find_item(project, clip.item_guid)
    if item then reaper.SetMediaItemInfo_Value(item, "B_MUTE", 1) end
  end
end

return adopted
