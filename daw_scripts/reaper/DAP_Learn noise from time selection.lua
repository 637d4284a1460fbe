-- @noindex
-- Split the selected items into speech and noise, of which the time selection holds nothing else.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.noise").run(false)
