-- @noindex
-- The same, asked for preset, variation and number of results first; what is said counts for loops and gaps too.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.texture").extend(true)
