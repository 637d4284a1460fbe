-- @noindex
-- Make loops of the selected items: as long as they are, their ends meeting their starts.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.texture").loop(false)
