-- @noindex
-- In the time selection nothing is heard but one sound: the first, or that of the selected stem.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.alone").run()
