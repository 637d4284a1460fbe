-- Runs the real scripts on the model. Tests send Lua as "<bytes>\n<chunk>" and get one line of JSON for each.
local here = arg[0]:match("^(.*[/\\])")
package.path = here .. "?.lua;" .. package.path

local api = require("api")
local audio = require("audio")
local gfx = require("gfx")
local json = require("json")
local model = require("model")

local sim = {
  model = model, gfx = gfx, messages = {}, answers = {}, inputs = {}, executed = {}, ext = {}, sockets = false,
  slowest = 0, asked_inputs = {}, resources = "/nowhere",
}
local deferred, clock, action = {}, 0, nil

-- lines "name least most"
local counts = {}
for line in io.lines(arg[1]) do
  local name, least, most = line:match("^(%S+) (%d+) (%d+)$")
  counts[name] = { tonumber(least), tonumber(most) }
end

function api.defer(callback) deferred[#deferred + 1] = callback end
function api.time_precise() return clock + os.clock() end
function api.get_action_context() return false, action, 0, 0, 0, 0, 0 end
function api.genGuid() return ("{%08X-%04X-4000-8000-%012X}"):format(math.random(0, 2 ^ 31), math.random(0, 65535), math.random(0, 2 ^ 31)) end
function api.GetResourcePath() return sim.resources end
function api.RecursiveCreateDirectory(path)
  os.execute("mkdir -p '" .. path:gsub("'", "'\\''") .. "'")
  return 1
end
function api.ShowMessageBox(text, _, kind)
  sim.messages[#sim.messages + 1] = text
  return table.remove(sim.answers, 1) or (kind == 4 and 7 or 1)
end
function api.GetUserInputs(_, count, captions, values)
  sim.asked_inputs[#sim.asked_inputs + 1] = { count = count, captions = captions, values = values }
  local input = table.remove(sim.inputs, 1)
  if not input then return false, "" end
  return true, input
end
function api.GetExtState(section, key) return sim.ext[section .. "/" .. key] or "" end
function api.SetExtState(section, key, value) sim.ext[section .. "/" .. key] = value end
function api.ExecProcess(command, timeout)
  if timeout >= 0 then model.fault("ExecProcess with a wait blocks REAPER") end
  sim.executed[#sim.executed + 1] = command
  return nil
end

local reaper = setmetatable({}, {
  __index = function(_, name)
    local count = counts[name] or model.fault("reaper has no function " .. tostring(name))
    local call = api[name] or model.fault("the simulator does not know reaper." .. name)
    return function(...)
      local given = select("#", ...)
      if given < count[1] or given > count[2] then
        model.fault(("reaper.%s takes %d to %d arguments, got %d"):format(name, count[1], count[2], given))
      end
      return call(...)
    end
  end,
  __newindex = function(_, name) model.fault("a script wrote reaper." .. tostring(name)) end,
})

local SHARED = {
  "assert", "error", "getmetatable", "ipairs", "math", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset",
  "select", "setmetatable", "string", "table", "tonumber", "tostring", "type", "utf8", "xpcall", "coroutine", "debug",
}

-- The globals of one run of one action: nothing in them can wait.
local function globals()
  local env = { reaper = reaper, gfx = gfx.table }
  for _, name in ipairs(SHARED) do env[name] = _G[name] end
  env.os = { time = os.time, getenv = os.getenv, rename = os.rename, remove = os.remove, date = os.date, clock = os.clock }
  env.io = { open = io.open }
  env.package = { path = "", cpath = "" }
  local loaded = {}
  function env.require(name)
    if loaded[name] then return loaded[name] end
    if name:match("^socket") then
      if not sim.sockets then error("module '" .. name .. "' not found", 2) end
      return require(name)
    end
    for template in env.package.path:gmatch("[^;]+") do
      local chunk = loadfile((template:gsub("%?", (name:gsub("%.", "/")))), "t", env)
      if chunk then
        loaded[name] = chunk(name)
        return loaded[name]
      end
    end
    error("module '" .. name .. "' not found", 2)
  end
  return setmetatable(env, { __index = function(_, name) model.fault("the global " .. tostring(name) .. " is not set") end })
end

-- One turn of a script: errors, and what it leaves unbalanced, are faults. `slowest` is in seconds of processor time.
local function guarded(callback)
  local before = os.clock()
  local fine, trouble = pcall(callback)
  sim.slowest = math.max(sim.slowest, os.clock() - before)
  if not fine then model.faults[#model.faults + 1] = tostring(trouble) end
  if model.undo_open then model.faults[#model.faults + 1] = "an undo block was left open" end
  if model.refresh ~= 0 then model.faults[#model.faults + 1] = "PreventUIRefresh was left unbalanced" end
  model.undo_open, model.refresh = nil, 0
end

-- Trigger an action by the path of its file.
function sim.run(path)
  action = path
  local chunk = assert(loadfile(path, "t", globals()))
  guarded(chunk)
  sim.slowest = 0 -- reading the script itself is REAPER's part
end

-- REAPER ends the scripts that run: as when it is closed.
function sim.stop() deferred = {} end

-- One turn of REAPER's timer, `seconds` after the last. Tells how many scripts still run.
function sim.tick(seconds)
  clock = clock + seconds
  local now = deferred
  deferred = {}
  for _, callback in ipairs(now) do guarded(callback) end
  return { running = #deferred, faults = model.faults, messages = sim.messages, shown = gfx.open and gfx.shown or nil }
end

function sim.load_audio(source)
  local root = source.parent or source
  root.audio = audio.read(root.file)
end

function sim.dump(project)
  local tracks = model.snapshot(project)
  for _, track in ipairs(tracks) do
    for _, item in ipairs(track.items) do
      for _, take in ipairs(item.takes) do
        take.file, take.rate, take.channels = take.source.file, take.source.rate, take.source.channels
        take.peaks, take.source = take.source.peaks, nil
      end
    end
  end
  return tracks
end

_G.sim = sim
io.stdout:setvbuf("no")
for length in io.lines() do
  local chunk, trouble = load(io.read(tonumber(length)), "test")
  local fine, value
  if chunk then fine, value = pcall(chunk) else fine, value = false, trouble end
  if fine then io.write('{"value":', json.encode(value), "}\n") else io.write(json.encode({ error = tostring(value) }), "\n") end
end
