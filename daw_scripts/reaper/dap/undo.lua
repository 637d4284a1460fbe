-- Going back to the masks before the last edit: the takes of before are heard again, or made again where they are gone.
local action = require("dap.action")
local loop = require("dap.loop")
local selected = require("dap.selected")
local message = require("dap.message")
local place = require("dap.place")
local refine = require("dap.refine")
local sentences = require("dap.sentences")
local takes = require("dap.takes")

local undo = {}

-- Ask the daemon for the session without its last box.
local function made_again(project, stem)
  action.run(function() return { refine.order("undo", stem.known, stem.name, {}) } end, project)
end

function undo.run()
  local project = reaper.EnumProjects(-1)
  local stems, trouble = selected.stems(project)
  if not stems then return message.tell(trouble) end
  local stem = stems[1]
  local known = stem.known
  if not known.parent then return message.tell(sentences.NOT_EDITED) end
  -- What an undo made comes after what it took back: its parent is no way back.
  if known.verb == "undo" then return made_again(project, stem) end
  loop.start(function()
    local before = takes.of(project, takes.find(project, known.session), known.parent)
    if #before == 0 then return made_again(project, stem) end
    place.step(project, "Undo mask edit with DAP: " .. stem.name, function()
      for _, take in ipairs(before) do reaper.SetActiveTake(take) end
    end)
  end)
end

return undo
