ardour {
  ["type"] = "EditorAction",
  name = "DAP: Separate like selected examples",
  license = "MIT",
  author = "dap-bridge",
  description = [[Splits the uppermost selected region into stems; of each further one, a sound of it is heard
alone there.]]
}

function factory()
  return function()
    local folder = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "dap-bridge")
    local start = loadfile and loadfile(ARDOUR.LuaAPI.build_filename(folder, "start.lua"))
    if start then return start(folder, "like") end
    LuaDialog.Message("dap-bridge", "The rest of it is missing, or scripts are sandboxed (a preference of Ardour).\n\n" ..
      "In a terminal:\n\n    dap-bridge install ardour",
      LuaDialog.MessageType.Error, LuaDialog.ButtonType.Close):run()
  end
end
