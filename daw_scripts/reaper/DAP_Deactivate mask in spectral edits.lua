-- @noindex
-- Take what the spectral edits of the selected stems hold out of these stems.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.refine").spectral_edits("deactivate")
