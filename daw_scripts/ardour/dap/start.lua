-- start.lua: run one of our modules with a `require` of its own, for scripts of which Ardour keeps the factory alone.
-- Takes our folder, a module's name, and what its function is called with. An error of ours ends in a box: Ardour drops a
-- script that raises, without a word.
local folder, name, argument = ...

local loaded, environment = {}, nil

local function require(module)
  if loaded[module] == nil then
    local path = ARDOUR.LuaAPI.build_filename(folder, module:match("([^.]+)$") .. ".lua")
    loaded[module] = assert(loadfile(path, "t", environment))()
  end
  return loaded[module]
end

environment = setmetatable({ require = require }, { __index = _G })

local fine, answer = xpcall(function()
  require("dap.settings").load(folder .. "/")
  return require("dap." .. name)
end, tostring)
if fine and type(answer) == "function" then fine, answer = xpcall(answer, tostring, argument) end
if fine then return answer end
LuaDialog.Message("dap-bridge", "Something of dap-bridge went wrong. Please report this:\n\n" .. tostring(answer),
  LuaDialog.MessageType.Error, LuaDialog.ButtonType.Close):run()
return function() end
