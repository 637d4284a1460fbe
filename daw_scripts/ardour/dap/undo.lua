-- Going back to the masks before the last edit: the regions of before are heard again, or made again where they are gone.
local answers = require("dap.answers")
local selected = require("dap.selected")
local message = require("dap.message")
local places = require("dap.places")
local sentences = require("dap.sentences")
local submit = require("dap.submit")

-- At each place where a stem of the session is heard, the region of before; nil where one of them is gone.
local function before(known)
  local steps = {}
  for _, place in ipairs(places.of(known.family)) do
    local now = places.current(place)
    if now.known.session == known.session then
      local earlier = places.of_session(place, known.parent)
      if not earlier then return nil end
      steps[#steps + 1] = { place = place, region = earlier }
    end
  end
  return steps
end

return function()
  local stems, trouble = selected.stems()
  if #stems == 0 then return message.tell(trouble) end
  local stem = stems[1]
  if not stem.known.parent then return message.tell(sentences.NOT_EDITED) end
  -- What an undo made comes after what it took back: its parent is no way back.
  local steps = stem.known.verb ~= "undo" and before(stem.known)
  if steps then
    places.hear("Undo mask edit", steps)
    return message.log(stem.name .. ": mask edit taken back.")
  end
  if not answers.welcome() then return message.not_running() end
  submit.revision("undo", stem, {})
end
