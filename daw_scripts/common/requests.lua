-- A request in the forms that the daemon takes.
local files = require("dap.files")
local json = require("dap.json")
local settings = require("dap.settings")

local requests = {}

-- For OSC: key, value, key, value …; of a list, the key with each of its values. `secret`: what the daemon wants to be told,
-- nil where it is not known.
function requests.arguments(fields, secret)
  local arguments = {}
  local function add(name, value) arguments[#arguments + 1], arguments[#arguments + 2] = name, value end
  for name, value in pairs(fields) do
    for _, single in ipairs(type(value) == "table" and value or { value }) do add(name, single) end
  end
  if secret then add("key", secret) end
  return arguments
end

-- Put it into the drop folder, under a name of its own. Returns true, or nil and the reason.
function requests.leave(name, verb, fields)
  local request = { verb = verb }
  for field, value in pairs(fields) do request[field] = value end
  return files.write(("%s/inbox/%s.json"):format(settings.spool, name), json.encode(request))
end

return requests
