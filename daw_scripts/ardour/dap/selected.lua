-- The stems that are meant, for actions on masks and on answers.
local alternatives = require("dap.alternatives")
local regions = require("dap.regions")
local sentences = require("dap.sentences")
local sessions = require("dap.sessions")

local selected = {}

selected.NONE = "No stem is meant. Draw a range on the track of a stem that DAP has made and that is not muted, with the range "
  .. "tool.\n\nBounced, combined and consolidated regions are stems no more, nor are those that an earlier dap-bridge placed."

selected.DRAWN = "This stem is drawn in full already.\n\n"
  .. "Other answers, where a region has any, stand on muted tracks below it: select a stem there."

-- The stems that are heard within the range selection, or else those among the selected regions; and the range's start and
-- end, nil where there is none. A stem is a clip (see regions.lua) with what sessions.lua knows of it as `known`.
function selected.all()
  local about, found = sessions.reader(), {}
  local clips, start, stop = regions.heard_in_range()
  for _, clip in ipairs(clips or regions.at_least(1) or {}) do
    clip.known = not clip.region:muted() and about(clip.region) or nil
    if clip.known then found[#found + 1] = clip end
  end
  return found, start, stop
end

local function those(test, none)
  local stems, start, stop = selected.all()
  local found = {}
  for _, stem in ipairs(stems) do
    if test(stem.known.alternative == alternatives.FIRST) then found[#found + 1] = stem end
  end
  return found, #stems > 0 and none or selected.NONE, start, stop
end

-- Those that can be corrected, of the first answer or drawn in full; a sentence for where there are none; and the range.
function selected.stems()
  return those(function(drawn) return drawn end, sentences.UNDRAWN)
end

-- Those that cannot, being of further answers; and as above.
function selected.undrawn()
  return those(function(drawn) return not drawn end, selected.DRAWN)
end

return selected
