-- Where the daemon is: what `dap-bridge install reaper` wrote down beside this library, then the environment, then defaults.
local constants = require("dap.constants")
local files = require("dap.files")
local lines = require("dap.lines")

local settings = {}

-- folder: of the actions, with its last slash.
function settings.load(folder)
  local written = lines.decode(files.read(folder .. "bridge.tsv") or "")
  local home = os.getenv("HOME") or os.getenv("USERPROFILE") or ""
  settings.folder = folder
  settings.spool = os.getenv("DAP_BRIDGE_SPOOL") or written.spool or (home .. "/" .. constants.spool)
  settings.osc_port = tonumber(os.getenv("DAP_BRIDGE_OSC_PORT") or written.osc_port) or constants.osc_port
  settings.command = written.command or "dap-bridge"
end

return settings
