-- @noindex
-- Take out or bring in a range of frequencies, during the time selection, of the selected stems.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.refine").time_selection()
