-- What the selected items are, for actions that are about items.
local geometry = require("dap.geometry")
local message = require("dap.message")

local gather = {}

-- Descriptions of the selected items, at least `fewest`; nil and a sentence where there are not so many.
-- What is left out of a larger selection is said.
function gather.clips(project, fewest)
  local clips, refused = geometry.selected(project)
  local left_out = #refused > 0 and "Left out: " .. table.concat(refused, ", ") .. "." or nil
  if #clips < fewest then
    local number = fewest == 1 and "one" or tostring(fewest)
    return nil, ("Select %s or more audio items first."):format(number) .. (left_out and "\n\n" .. left_out or "")
  end
  if left_out then message.tell(left_out) end
  return clips
end

return gather
