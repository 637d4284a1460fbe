-- @noindex
-- Take the selected items as stems of the topmost of them, to correct them by boxes, and ask how.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.adopt").run(true)
