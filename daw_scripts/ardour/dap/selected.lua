-- The stems that are meant, for actions on masks.
local regions = require("dap.regions")
local sessions = require("dap.sessions")

local selected = {}

selected.NONE = "No stem is meant. Draw a range on the track of a stem that DAP has made and that is not muted, with the range "
  .. "tool.\n\nBounced, combined and consolidated regions are stems no more, nor are those that an earlier dap-bridge placed."

-- The stems that are heard within the range selection, or else those among the selected regions; and the range's start and
-- end, nil where there is none. A stem is a clip (see regions.lua) with what sessions.lua knows of it as `known`.
function selected.stems()
  local about, found = sessions.reader(), {}
  local clips, start, stop = regions.heard_in_range()
  for _, clip in ipairs(clips or regions.at_least(1) or {}) do
    clip.known = not clip.region:muted() and about(clip.region) or nil
    if clip.known then found[#found + 1] = clip end
  end
  return found, start, stop
end

return selected
