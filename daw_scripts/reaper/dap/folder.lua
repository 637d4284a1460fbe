-- The drop folder as a way to the daemon: requests as files in inbox/, answers as files in outbox/.
local answers = require("dap.answers")
local requests = require("dap.requests")

local folder = {}
folder.__index = folder

function folder.open() return setmetatable({ asked = {}, way = "drop folder" }, folder) end

function folder.welcome() return answers.welcome() end

function folder.alive() return answers.welcome() ~= nil end

-- What is asked about a job that is there already.
local ASKS = { status = true, cancel = true, resume = true }

-- Send a verb; a second question of the same kind about a job takes the place of the first. Returns true, or nil and why.
function folder:send(verb, fields)
  local name = fields.job
  if ASKS[verb] then
    name = name .. "-" .. verb
    self.asked[name] = true
    answers.discard(name)
  end
  return requests.leave(name, verb, fields)
end

local function said(name)
  local event = answers.event(name)
  return event and next(event) and event or nil
end

-- The latest event of a job, or nil while it has none.
function folder.event(_, job) return said(job) or said(job .. "-status") end

-- Nothing stays behind of questions that were answered.
function folder:close()
  for name in pairs(self.asked) do answers.discard(name) end
end

return folder
