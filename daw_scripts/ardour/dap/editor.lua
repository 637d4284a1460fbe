-- The mask editor in the browser, for the separation that a stem comes from. What is sent to the DAW there is placed by the
-- hook (see follow.lua).
local answers = require("dap.answers")
local selected = require("dap.selected")
local message = require("dap.message")
local sentences = require("dap.sentences")
local settings = require("dap.settings")

local BY_HAND = "A script cannot start programs here. In a terminal:\n\n    dap-bridge edit %s"

return function()
  local stems, trouble = selected.stems()
  if #stems == 0 then return message.tell(trouble) end
  local stem = stems[1]
  local said = answers.welcome()
  if not said then return message.not_running() end
  if (said.editor or "") == "" then return message.tell(sentences.NO_EDITOR) end
  answers.discard_chosen(stem.known.session)
  local on_windows = settings.command:find("^%a:")
  if on_windows or not os.forkexec then return message.tell(BY_HAND:format(stem.known.session)) end
  -- It takes a path; `env` finds a command that is a name alone.
  os.forkexec("/usr/bin/env", settings.command, "edit", stem.known.session, "--spool", settings.spool)
end
