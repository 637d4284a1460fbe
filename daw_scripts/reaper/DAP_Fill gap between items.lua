-- @noindex
-- Fill the gaps between the selected items with what belongs there, on a new track.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.texture").fill(false)
