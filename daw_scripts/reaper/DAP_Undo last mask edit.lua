-- @noindex
-- Hear the selected stem, and those that came with it, as before the last mask edit.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.undo").run()
