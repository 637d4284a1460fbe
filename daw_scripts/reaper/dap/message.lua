-- What is said to the user in a box.
local message = {}

message.TITLE = "Separate with DAP"
message.NOT_RUNNING = "The daemon is not running.\n\n"
  .. 'Start it with the action "DAP_Start bridge", or in a terminal:\n\n    dap-bridge serve'

local OK, YES_NO, YES = 0, 4, 6

function message.tell(text) reaper.ShowMessageBox(text, message.TITLE, OK) end

function message.ask(text) return reaper.ShowMessageBox(text, message.TITLE, YES_NO) == YES end

return message
