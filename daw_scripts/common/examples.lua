-- Clips in which one sound of another clip is alone: an example for each sound.
local constants = require("dap.constants")
local host = require("dap.host")
local sentences = require("dap.sentences")
local stretches = require("dap.stretches")

local examples = {}

-- The clip, and an example.
examples.FEWEST = 2
local MOST = constants.fields.separate.sources.high
local ORDER = "The first %s is the clip; each further one is an example of one of its sounds."
local TOO_MANY = "Select %d examples at the most: each is of another sound."

-- Why `clips` are not a clip and its examples, or nil where they are. refused: what of the selection is not used.
function examples.trouble(clips, refused)
  if #clips < examples.FEWEST then
    return sentences.too_few(examples.FEWEST, refused) .. "\n\n" .. ORDER:format(host.CLIP)
  end
  return #clips - 1 > MOST and TOO_MANY:format(MOST) or nil
end

-- Fields of a request: the first of `list` (see stretches.lua) is an example of sound 1, the second one of sound 2, and so on.
-- sources: how many sounds are asked for; as many as there are examples, where that is more.
function examples.fields(list, sources)
  local like, channels = stretches.named(list, function(number) return number .. ":" end)
  return { like = like, like_channel = channels, sources = math.max(sources, #list) }
end

return examples
