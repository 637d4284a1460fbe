-- The drop folder: requests as files in inbox/, answers as files in outbox/.
local files = require("dap.files")
local json = require("dap.json")
local lines = require("dap.lines")
local settings = require("dap.settings")

local folder = {}
folder.__index = folder

-- The bridge rewrites its heartbeat every second; one that is older than this has stopped.
local STALE_S = 5

local function answer(name) return settings.spool .. "/outbox/" .. name .. ".status" end

function folder.open() return setmetatable({ asked = {}, way = "drop folder" }, folder) end

-- What the bridge says of itself; of one that was killed, what it said last.
function folder.about() return lines.decode(files.read(settings.spool .. "/daemon.status") or "") end

-- The same, or nil where none runs.
function folder.welcome()
  local said = folder.about()
  local time = tonumber(said.time)
  return time and math.abs(os.time() - time) < STALE_S and said or nil
end

function folder.alive() return folder.welcome() ~= nil end

-- What is asked about a job that is there already.
local ASKS = { status = true, cancel = true, resume = true }

-- Send a verb; a second question of the same kind about a job takes the place of the first. Returns true, or nil and why.
function folder:send(verb, fields)
  local request = { verb = verb }
  for name, value in pairs(fields) do request[name] = value end
  local name = fields.job
  if ASKS[verb] then
    name = name .. "-" .. verb
    self.asked[name] = true
    os.remove(answer(name))
  end
  return files.write(settings.spool .. "/inbox/" .. name .. ".json", json.encode(request))
end

-- The latest event of a job, or nil while it has none.
function folder.event(_, job)
  local own = lines.last(files.read(answer(job)) or "")
  if own then return own end
  return lines.last(files.read(answer(job .. "-status")) or "")
end

-- Nothing stays behind of questions that were answered.
function folder:close()
  for name in pairs(self.asked) do os.remove(answer(name)) end
end

return folder
