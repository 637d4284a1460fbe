-- The regions that a range lies in become speech and noise, and what is heard in the range is the noise.
local options = require("dap.options")
local range = require("dap.range")
local submit = require("dap.submit")

return function() submit.run("denoise", options.of("denoise"), range.alone("noise"), false) end
