-- The way to the daemon: requests go out by OSC; answers are read from the drop folder, for a script here cannot listen.
local answers = require("dap.answers")
local constants = require("dap.constants")
local requests = require("dap.requests")
local settings = require("dap.settings")

local daemon = {}

local LARGEST_INT = 2 ^ 31 - 1

local function padded(text) return #text + 4 - #text % 4 end

local function type_of(value)
  if type(value) == "string" then return "s" end
  return math.type(value) == "integer" and value <= LARGEST_INT and "i" or "d"
end

-- A message as Ardour sends one: types and values, and how many bytes these are at most.
local function packed(arguments)
  local types, size = {}, 0
  for index, value in ipairs(arguments) do
    if type(value) == "boolean" then value = tostring(value) end
    arguments[index], types[index] = value, type_of(value)
    size = size + (type(value) == "string" and padded(value) or 8)
  end
  return table.concat(types), arguments, size + #types + 8
end

-- Ask something. A request that no datagram can hold goes through the drop folder. Returns true, or nil and the reason.
function daemon.send(verb, fields)
  local said = answers.about()
  local types, values, size = packed(requests.arguments(fields, said.key))
  local address = constants.prefix .. verb
  if size + padded(address) > constants.max_datagram then return requests.leave(fields.job, verb, fields) end
  local port = said.osc_port or settings.osc_port
  ARDOUR.LuaOSC.Address("osc.udp://127.0.0.1:" .. port):send(address, types, table.unpack(values))
  return true
end

return daemon
