-- What the user of the mask editor sends to the DAW: the bridge says so in a file that is named after the session.
local files = require("dap.files")
local lines = require("dap.lines")
local settings = require("dap.settings")

local chosen = {}

local function path(session) return ("%s/outbox/%s.chosen"):format(settings.spool, session) end

function chosen.discard(session) os.remove(path(session)) end

-- The manifest that was chosen for a session since this was asked last, or nil.
function chosen.take(session)
  local text = files.read(path(session))
  if not text then return nil end
  os.remove(path(session))
  return (lines.last(text) or {}).manifest
end

return chosen
