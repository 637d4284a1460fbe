-- The main action.
local options = require("dap.options")
local submit = require("dap.submit")

return function() submit.run(options.remembered) end
