-- @noindex
-- Say how the daemon is; place stems that became ready meanwhile.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.status").run()
