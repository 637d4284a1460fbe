-- Where in its file a take is heard.
local times = {}

-- Scales that a time may be given on, in seconds: of the take's file, since the item's start, of the project.
times.FILE, times.ITEM, times.PROJECT = "file", "item", "project"

-- A time as seconds of the take's file. `shape` holds the item's position, and the take's offset into its file and play rate.
function times.in_file(shape, scale, seconds)
  if scale == times.FILE then return seconds end
  if scale == times.PROJECT then seconds = seconds - shape.position end
  return shape.offset + seconds * shape.rate
end

return times
