-- The main action, which asks first.
local options = require("dap.options")
local submit = require("dap.submit")

return function() submit.run(options.asked) end
