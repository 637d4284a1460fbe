-- What is said to the user: in boxes, in a log beside this library, and in a range marker above a region.
local settings = require("dap.settings")

local message = {}

message.TITLE = "dap-bridge"

local LOG_BYTES = 1 << 16

-- Keep a line for `DAP: Status` and for reports; the file starts anew when it has grown long.
function message.log(text)
  local path = settings.folder .. "ardour.log"
  local file = io.open(path, "ab")
  if not file then return end
  if file:seek("end") > LOG_BYTES then
    file:close()
    file = io.open(path, "wb")
  end
  file:write(os.date("!%Y-%m-%dT%H:%M:%SZ "), (text:gsub("%s+", " ")), "\n")
  file:close()
end

local function box(text, kind)
  LuaDialog.Message(message.TITLE, text, kind, LuaDialog.ButtonType.Close):run()
end

function message.tell(text) box(text, LuaDialog.MessageType.Info) end

function message.warn(text)
  message.log(text)
  box(text, LuaDialog.MessageType.Warning)
end

function message.complain(text)
  message.log(text)
  box(text, LuaDialog.MessageType.Error)
end

-- How the daemon is started.
function message.serve()
  local command = settings.command
  return (command:find(" ") and '"' .. command .. '"' or command) .. " serve"
end

function message.not_running()
  message.complain("The daemon is not running.\n\nStart it in a terminal, then try again:\n\n    " .. message.serve())
end

return message
