-- @noindex
-- The mask editor in the browser, for the separation that the selected stem comes from.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.editor").run()
