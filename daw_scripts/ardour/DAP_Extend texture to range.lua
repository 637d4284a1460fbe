ardour {
  ["type"] = "EditorAction",
  name = "DAP: Extend texture to range",
  license = "MIT",
  author = "dap-bridge",
  description = [[Goes on from the region that the range selection begins in to the range's end, on a new track.]]
}

function factory()
  return function()
    local folder = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "dap-bridge")
    local start = loadfile and loadfile(ARDOUR.LuaAPI.build_filename(folder, "start.lua"))
    if start then return start(folder, "texture") end
    LuaDialog.Message("dap-bridge", "The rest of it is missing, or scripts are sandboxed (a preference of Ardour).\n\n" ..
      "In a terminal:\n\n    dap-bridge install ardour",
      LuaDialog.MessageType.Error, LuaDialog.ButtonType.Close):run()
  end
end
