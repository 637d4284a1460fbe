-- The selected stems are separated as any item is: what they become is named after them, and stands below them.
local each = require("dap.each")
local selected = require("dap.selected")
local sessions = require("dap.sessions")

return each.of("separate", "Separate further with DAP", function()
  local about = sessions.reader()
  return function(clip)
    if about(clip.take) then return {} end
    return nil, selected.NONE
  end
end)
