-- A range selection as a span: nothing but one sound is heard in it.
local each = require("dap.each")
local regions = require("dap.regions")
local spans = require("dap.spans")

local range = {}

local NO_RANGE = "Draw a range on the track of a region first, with the range tool."
local NO_REGION = "No audio region that is heard lies within the range."

-- The part of a range that lies within a clip, as the protocol writes a span; nil where there is none. `before`: samples from
-- the beginning of what is separated to where the clip begins, `most`: seconds that it has.
function range.text(sound, clip, from, to, before, most)
  local rate = Session:nominal_sample_rate()
  local start, stop = spans.within(from - clip.position, to - clip.position, clip.frames)
  if start then start, stop = spans.within((start + before) / rate, (stop + before) / rate, most) end
  return start and spans.text(sound, start, stop)
end

-- For submit.run: on each track of the range the region that it begins in, or comes to first, with this sound alone in it.
function range.alone(sound)
  return function()
    local clips, from, to = regions.in_range()
    if not clips then return nil, NO_RANGE end
    local orders = {}
    for index, clip in ipairs(clips) do
      local text = range.text(sound, clip, from, to, 0, math.huge)
      orders[index] = each.order(clip, function() return { only = { text } } end)
    end
    if #orders == 0 then return nil, NO_REGION end
    return orders
  end
end

return range
