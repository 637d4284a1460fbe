-- What the selected items are, for actions that are about items.
local geometry = require("dap.geometry")
local message = require("dap.message")
local sentences = require("dap.sentences")

local gather = {}

-- Descriptions of the selected items, at least `fewest`; nil and a sentence where there are not so many.
-- What is left out of a larger selection is said.
function gather.clips(project, fewest)
  local clips, refused = geometry.selected(project)
  if #clips < fewest then return nil, sentences.too_few(fewest, refused) end
  local left_out = sentences.left_out(refused)
  if left_out then message.tell(left_out) end
  return clips
end

return gather
