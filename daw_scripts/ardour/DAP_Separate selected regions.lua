ardour {
  ["type"] = "EditorAction",
  name = "DAP: Separate selected regions",
  license = "MIT",
  author = "dap-bridge",
  description = [[Splits each selected region into stems on new tracks, with the options used last.
Needs the dap-bridge daemon on the same machine.]]
}

function factory()
  return function()
    local folder = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "dap-bridge")
    local start = loadfile and loadfile(ARDOUR.LuaAPI.build_filename(folder, "start.lua"))
    if start then return start(folder, "separate") end
    LuaDialog.Message("dap-bridge", "The rest of it is missing, or scripts are sandboxed (a preference of Ardour).\n\n" ..
      "In a terminal:\n\n    dap-bridge install ardour",
      LuaDialog.MessageType.Error, LuaDialog.ButtonType.Close):run()
  end
end
