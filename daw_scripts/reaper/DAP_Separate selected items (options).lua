-- @noindex
-- The same, asked for preset, number of sounds, seed and device first.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.separate").run(true)
