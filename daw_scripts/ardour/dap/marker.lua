-- The line that says how a job stands: a range marker over the region.
local marker = {}

local PREFIX = "DAP "

-- One of ours, for these samples; nil where there is none.
local function found(job)
  for location in Session:locations():list():iter() do
    if location:is_range_marker() and location:name():sub(1, #PREFIX) == PREFIX
      and location:start():samples() == job.position and location:_end():samples() == job.position + job.frames then
      return location
    end
  end
  return nil
end

-- Say it, e.g. "42 %, 7 s left".
function marker.show(job, text)
  local location = found(job)
  if not location then
    local first = Temporal.timepos_t(job.position)
    location = Session:locations():add_range(first, Temporal.timepos_t(job.position + job.frames))
  end
  if not location then return end
  local name = PREFIX .. text
  if location:name() ~= name then location:set_name(name) end
end

function marker.remove(job)
  local location = found(job)
  if location then Session:locations():remove(location) end
end

return marker
