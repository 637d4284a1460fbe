ardour {
  ["type"] = "EditorAction",
  name = "DAP: Status",
  license = "MIT",
  author = "dap-bridge",
  description = [[Is the dap-bridge daemon there, on what device, and how do this session's jobs stand.]]
}

function factory()
  return function()
    local folder = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "dap-bridge")
    local start = loadfile and loadfile(ARDOUR.LuaAPI.build_filename(folder, "start.lua"))
    if start then return start(folder, "status") end
    LuaDialog.Message("dap-bridge", "The rest of it is missing, or scripts are sandboxed (a preference of Ardour).\n\n" ..
      "In a terminal:\n\n    dap-bridge install ardour",
      LuaDialog.MessageType.Error, LuaDialog.ButtonType.Close):run()
  end
end
