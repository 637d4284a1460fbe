-- The selected regions become their sounds.
return require("dap.each").of("separate", { "sources", "preset", "seed", "device", "mute" })
