-- Sentences that people read in more than one host.
local host = require("dap.host")

local sentences = {}

sentences.NO_EDITOR = "This daemon has no mask editor. Update dap-bridge, and start it again."
sentences.NOT_EDITED = "No box has corrected the masks of this stem."
sentences.UNDRAWN = "This answer is one of several, and not drawn in full yet.\n\nRun \"Redraw chosen alternative\" first."

-- What of a selection is not used, or nil where that is nothing.
function sentences.left_out(refused)
  return #refused > 0 and ("Left out: %s."):format(table.concat(refused, ", ")) or nil
end

function sentences.too_few(fewest, refused)
  local text = ("Select %s or more audio %ss first."):format(fewest == 1 and "one" or fewest, host.CLIP)
  local left_out = sentences.left_out(refused)
  return left_out and text .. "\n\n" .. left_out or text
end

function sentences.running(said) return ("dap-bridge %s is running."):format(said.version or "") end

-- Where a job stands that waits for another, as the daemon says it.
function sentences.waiting(event)
  local place, left = tonumber(event.place) or 1, tonumber(event.seconds) or -1
  local text = place > 1 and ("waiting, number %d in line"):format(place) or "waiting for another job"
  if left < 0 then return text end
  return ("%s, about %s"):format(text, left > 90 and math.ceil(left / 60) .. " min" or math.ceil(left) .. " s")
end

-- fraction: as the daemon says it, or nil.
function sentences.percent(fraction) return ("%d %%"):format(math.floor(100 * (tonumber(fraction) or 0))) end

return sentences
