-- @noindex
-- Split the selected items, which share a sound, into that sound and the rest of each.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.coseparate").run(false)
