-- @noindex
-- The first selected item becomes stems; of each further one, a sound of it is heard alone there.
local folder = ({ reaper.get_action_context() })[2]:match("^(.*[/\\])")
package.path = folder .. "?.lua;" .. package.path
require("dap.settings").load(folder)

require("dap.like").run()
