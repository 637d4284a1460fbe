-- The selected items become speech and noise, and what is heard in the time selection is the noise.
return require("dap.each").of("denoise", "Denoise with DAP", require("dap.time_selection").alone("noise"))
