-- What the daemon says in the drop folder: of itself, of jobs, and what the user of the mask editor sends to the DAW.
local files = require("dap.files")
local lines = require("dap.lines")
local settings = require("dap.settings")

local answers = {}

-- The daemon rewrites its heartbeat every second; one that is older than this has stopped.
local STALE_S = 5

local function path(name, kind) return ("%s/outbox/%s.%s"):format(settings.spool, name, kind) end

-- What the daemon says of itself; of one that was killed, what it said last.
function answers.about() return lines.decode(files.read(settings.spool .. "/daemon.status") or "") end

-- The same, or nil where none runs.
function answers.welcome()
  local said = answers.about()
  local time = tonumber(said.time)
  return time and math.abs(os.time() - time) < STALE_S and said or nil
end

-- The latest event under a job's or question's name, or nil while there is none; {} where it cannot be read as one.
function answers.event(name)
  local text = files.read(path(name, "status"))
  return text and (lines.last(text) or {})
end

function answers.discard(name) os.remove(path(name, "status")) end

-- The manifest that was sent to the DAW for a session since this was asked last, or nil.
function answers.chosen(session)
  local text = files.read(path(session, "chosen"))
  if not text then return nil end
  answers.discard_chosen(session)
  return (lines.last(text) or {}).manifest
end

function answers.discard_chosen(session) os.remove(path(session, "chosen")) end

return answers
