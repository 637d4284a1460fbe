-- A stem is separated as any region is: what it becomes is named after it, and stands below it.
local each = require("dap.each")
local message = require("dap.message")
local options = require("dap.options")
local selected = require("dap.selected")
local submit = require("dap.submit")
local which = require("dap.which")

return function()
  local stems = selected.all()
  if #stems == 0 then return message.tell(selected.NONE) end
  local stem = #stems == 1 and stems[1] or which.ask(stems, {}, { "stem" })
  if not stem then return end
  submit.run("separate", options.of("separate"), function() return { each.order(stem) } end, false)
end
