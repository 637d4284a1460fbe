-- The line that says how a job stands: a range marker that starts where its first region does.
local marker = {}

local PREFIX = "DAP "
-- Long enough to be read at the zoom that Ardour starts with.
local SHORTEST_S = 16

local function finish(job)
  local first = job.clips[1]
  return first.position + math.max(first.frames, math.floor(SHORTEST_S * Session:nominal_sample_rate()))
end

local function suffix(job) return ": " .. job.label end

local function found(job)
  local last = suffix(job)
  for location in Session:locations():list():iter() do
    local name = location:name()
    if location:is_range_marker() and name:sub(1, #PREFIX) == PREFIX and name:sub(-#last) == last
      and location:start():samples() == job.clips[1].position and location:_end():samples() == finish(job) then
      return location
    end
  end
  return nil
end

-- Say it, e.g. "42 %, 7 s left".
function marker.show(job, text)
  local location = found(job)
    or Session:locations():add_range(Temporal.timepos_t(job.clips[1].position), Temporal.timepos_t(finish(job)))
  local name = PREFIX .. text .. suffix(job)
  if location:name() ~= name then location:set_name(name) end
end

function marker.remove(job)
  local location = found(job)
  if location then Session:locations():remove(location) end
end

return marker
