-- The way to the bridge: requests go out by OSC; answers are read from the drop folder, for a script here cannot listen.
local constants = require("dap.constants")
local files = require("dap.files")
local json = require("dap.json")
local lines = require("dap.lines")
local settings = require("dap.settings")

local bridge = {}

-- The bridge rewrites its heartbeat every second; one that is older than this has stopped.
local STALE_S = 5
local LARGEST_INT = 2 ^ 31 - 1

-- What the bridge says of itself; of one that was killed, what it said last.
local function about() return lines.decode(files.read(settings.spool .. "/daemon.status") or "") end

-- The same, or nil where none runs.
function bridge.welcome()
  local said = about()
  local time = tonumber(said.time)
  return time and math.abs(os.time() - time) < STALE_S and said or nil
end

-- The latest event of a job, or nil while it has none; {} where it cannot be read as one.
function bridge.event(job)
  local text = files.read(("%s/outbox/%s.status"):format(settings.spool, job))
  return text and (lines.last(text) or {})
end

local function padded(text) return #text + 4 - #text % 4 end

-- Types, values and size of a message: key, value, key, value …; a list is given as its values, one after the other.
-- `key`: what the bridge wants to be told; nil where it is not known.
local function arguments(fields, key)
  local types, values, size = {}, {}, 0
  local function add(name, value)
    if type(value) == "boolean" then value = tostring(value) end
    local whole = math.type(value) == "integer" and value <= LARGEST_INT
    types[#types + 1] = type(value) == "string" and "ss" or whole and "si" or "sd"
    values[#values + 1], values[#values + 2] = name, value
    size = size + padded(name) + (type(value) == "string" and padded(value) or 8)
  end
  for name, value in pairs(fields) do
    for _, single in ipairs(type(value) == "table" and value or { value }) do add(name, single) end
  end
  if key then add("key", key) end
  return table.concat(types), values, size + #values + 8
end

-- Ask something. A request that no datagram can hold goes through the drop folder. Returns true, or nil and the reason.
function bridge.send(verb, fields)
  local said = about()
  local types, values, size = arguments(fields, said.key)
  local address = constants.prefix .. verb
  if size + padded(address) > constants.max_datagram then
    local request = { verb = verb }
    for name, value in pairs(fields) do request[name] = value end
    return files.write(("%s/inbox/%s.json"):format(settings.spool, fields.job), json.encode(request))
  end
  local port = said.osc_port or settings.osc_port
  ARDOUR.LuaOSC.Address("osc.udp://127.0.0.1:" .. port):send(address, types, table.unpack(values))
  return true
end

return bridge
