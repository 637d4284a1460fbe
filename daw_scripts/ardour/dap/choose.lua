-- An answer of several, drawn in full: what comes back stands above its stems, on their tracks.
local answers = require("dap.answers")
local message = require("dap.message")
local selected = require("dap.selected")
local submit = require("dap.submit")

return function()
  local stems, trouble = selected.undrawn()
  if #stems == 0 then return message.tell(trouble) end
  if not answers.welcome() then return message.not_running() end
  submit.revision("choose", stems[1], { alternative = stems[1].known.alternative })
end
