-- Boxes of time and frequency on the mask of a stem: {start, stop, low, high}, in seconds of the clip and in Hz.
local spans = require("dap.spans")

local boxes = {}

-- The part of a box that lies within the clip, or nil. known: of the stem, see manifests.lua.
function boxes.within(box, known)
  local start, stop = spans.within(box.start, box.stop, known.seconds)
  local low, high = math.max(box.low, 0), math.min(box.high, known.nyquist)
  if not start or low >= high then return nil end
  return { start = start, stop = stop, low = low, high = high }
end

-- As the protocol writes a box. op: "deactivate" takes what it holds out of the stem, "activate" brings it in.
function boxes.text(box, stem, op, strength)
  return ("stem=%d,op=%s,start=%.9g,end=%.9g,low=%.9g,high=%.9g,strength=%.9g")
    :format(stem, op, box.start, box.stop, box.low, box.high, strength)
end

return boxes
