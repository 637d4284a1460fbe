-- The main action: the selected items become stems.
return require("dap.each").of("separate", "Separate with DAP")
