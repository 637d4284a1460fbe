-- One sound is heard alone in the range: the first sound of regions that are separated by that, or, of stems that stand there
-- already, the one that is asked for, and their separation is corrected.
local answers = require("dap.answers")
local message = require("dap.message")
local options = require("dap.options")
local range = require("dap.range")
local selected = require("dap.selected")
local submit = require("dap.submit")
local which = require("dap.which")

local FIRST = 1
local OUTSIDE = "The range does not lie within the clip that the stem comes from."

local function correct(stems, from, to)
  if not answers.welcome() then return message.not_running() end
  local stem, wanted = which.ask(stems, {}, { "stem", "carry" })
  if not stem then return end
  local known = stem.known
  local text = range.text(known.stem, stem, from, to, stem.region:start():samples(), known.seconds)
  if not text then return message.tell(OUTSIDE) end
  submit.revision("refine", stem, options.put({ only = { text } }, wanted))
end

return function()
  local stems, trouble, from, to = selected.stems()
  if from and #stems > 0 then return correct(stems, from, to) end
  if from and trouble ~= selected.NONE then return message.tell(trouble) end
  submit.run("separate", options.of("separate"), range.alone(FIRST), false)
end
