-- @description Separate selected items into stems (Deep Audio Prior)
-- @author dap-bridge
-- @version 0.1.0
-- @about
--   # Separate with DAP
--   Splits the selected items into stems on new tracks. Needs the dap-bridge daemon on the same machine.
-- @changelog
--   First version.
-- @provides
--   [main] DAP_*.lua
--   [nomain] dap/*.lua

local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.separate").run(false)
