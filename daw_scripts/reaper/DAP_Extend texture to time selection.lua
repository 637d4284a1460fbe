-- @noindex
-- Go on from the selected item to the end of the time selection, on a new track.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.texture").extend(false)
