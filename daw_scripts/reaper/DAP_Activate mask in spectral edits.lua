-- @noindex
-- Bring what the spectral edits of the selected stems hold into these stems.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.refine").spectral_edits("activate")
