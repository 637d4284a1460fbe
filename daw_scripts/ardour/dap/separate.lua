-- The selected regions become their sounds.
return require("dap.each").of("separate")
