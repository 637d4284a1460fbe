-- What the selected items are, for actions that are about items.
local geometry = require("dap.geometry")
local message = require("dap.message")
local sentences = require("dap.sentences")

local gather = {}

-- Descriptions of the selected items; nil and a sentence where trouble(clips, refused) gives one. What is left out of a larger
-- selection is said.
function gather.all(project, trouble)
  local clips, refused = geometry.selected(project)
  local why = trouble(clips, refused)
  if why then return nil, why end
  local left_out = sentences.left_out(refused)
  if left_out then message.tell(left_out) end
  return clips
end

-- The same, of at least `fewest` items.
function gather.clips(project, fewest)
  return gather.all(project, function(clips, refused)
    return #clips < fewest and sentences.too_few(fewest, refused) or nil
  end)
end

return gather
