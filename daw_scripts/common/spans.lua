-- Stretches of time in which one sound is heard and nothing else: seconds of the clip.
local spans = {}

-- The part of a stretch that lies within a clip of so many seconds, or nil.
function spans.within(start, stop, seconds)
  start, stop = math.max(start, 0), math.min(stop, seconds)
  if start >= stop then return nil end
  return start, stop
end

-- As the protocol writes a span. stem: its number, or its name where stems have names.
function spans.text(stem, start, stop) return ("stem=%s,start=%.9g,end=%.9g"):format(stem, start, stop) end

return spans
