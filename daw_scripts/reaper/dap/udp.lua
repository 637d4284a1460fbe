-- OSC over UDP, where a sockets module can be loaded (Mavriq-Lua-Sockets of ReaPack, or LuaSocket).
local answers = require("dap.answers")
local constants = require("dap.constants")
local osc = require("dap.osc")
local requests = require("dap.requests")
local settings = require("dap.settings")

local udp = {}
udp.__index = udp

local SOCKETS = "/Scripts/Mavriq ReaScript Repository/Various/Mavriq-Lua-Sockets/?"
-- Datagrams that one tick reads at most.
local PER_TICK = 100
-- Whoever waits for a job asks every few seconds; a daemon that says nothing for so long has gone.
local SILENT_S = 5

local function load_sockets()
  local place = reaper.GetResourcePath() .. SOCKETS
  package.cpath = table.concat({ package.cpath, place .. ".so", place .. ".dll" }, ";")
  for _, name in ipairs({ "socket.core", "socket" }) do
    local found, module = pcall(require, name)
    if found and type(module) == "table" and module.udp then return module end
  end
  return nil
end

-- A socket to the daemon, or nil where no sockets module loads.
function udp.open()
  local module = load_sockets()
  local socket = module and module.udp()
  if not socket then return nil end
  socket:settimeout(0)
  socket:setsockname("127.0.0.1", 0)
  local port = tonumber(answers.about().osc_port) or settings.osc_port
  socket:setpeername("127.0.0.1", port)
  return setmetatable({ socket = socket, port = port, events = {}, heard = -math.huge, way = "OSC" }, udp)
end

-- What the daemon wants to be told: for its own port alone, for whoever listens on another one is a stranger. Nil where
-- this user's drop folder knows of no such daemon.
local function key(self)
  local said = answers.about()
  return tonumber(said.osc_port) == self.port and said.key or nil
end

-- Returns true, or nil where the message does not fit into one datagram.
function udp:send(verb, fields)
  self.key = key(self)
  local datagram = osc.encode(constants.prefix .. verb, requests.arguments(fields, self.key))
  if #datagram > constants.max_datagram then return nil, "the request is too long for OSC" end
  self.socket:send(datagram)
  return true
end

function udp:receive()
  for _ = 1, PER_TICK do
    local datagram = self.socket:receive()
    if not datagram then return end
    local address, arguments = osc.decode(datagram)
    local name = address and address:match("^" .. constants.prefix .. "(%w+)$")
    if name then
      self.heard = reaper.time_precise()
      local said = { event = name }
      for index = 1, #arguments - 1, 2 do said[arguments[index]] = tostring(arguments[index + 1]) end
      if name == "welcome" then self.said = said end
      -- A message that met a daemon which had just taken the place of another is as good as lost.
      local outdated = said.code == "forbidden" and self.key ~= key(self)
      -- `status` says a job's state in words; the event that follows it says everything.
      if name ~= "status" and said.job and not outdated then self.events[said.job] = said end
    end
  end
end

function udp:hello() self:send("hello", {}) end

function udp:welcome()
  self:receive()
  return self.said
end

function udp:alive() return reaper.time_precise() - self.heard < SILENT_S end

-- What was said of a job since the last poll, or nil.
function udp:event(job)
  self:receive()
  local event = self.events[job]
  self.events[job] = nil
  return event
end

function udp:close() self.socket:close() end

return udp
