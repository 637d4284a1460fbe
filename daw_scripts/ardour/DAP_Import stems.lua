ardour {
  ["type"] = "EditorHook",
  name = "DAP: Import stems",
  license = "MIT",
  author = "dap-bridge",
  description = [[Follows the jobs that this session waits for, and puts their stems on new tracks.]]
}

function signals()
  local set = LuaSignal.Set()
  set:add({ [LuaSignal.LuaTimerDS] = true })
  return set
end

function factory()
  local tick, gone
  return function()
    if gone then return end
    if not tick then
      local folder = ARDOUR.LuaAPI.build_filename(ARDOUR.user_config_directory(-1), "dap-bridge")
      local start = loadfile and loadfile(ARDOUR.LuaAPI.build_filename(folder, "start.lua"))
      gone = not start
      if gone then return end
      tick = start(folder, "follow")
    end
    tick()
  end
end
