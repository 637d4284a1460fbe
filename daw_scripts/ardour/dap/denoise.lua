-- The selected regions become speech, or whatever else is wanted, and noise.
return require("dap.each").of("denoise")
