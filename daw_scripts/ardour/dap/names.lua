-- Names that may go over the wire.
local names = {}

-- The protocol counts characters, not bytes.
local LABEL_CHARACTERS = 200
local made = 0

-- What stems are named after.
function names.label(name)
  if name == "" then return "region" end
  local stop = utf8.offset(name, LABEL_CHARACTERS + 1)
  return stop and name:sub(1, stop - 1) or name
end

-- A job's name: sorted by time, and no other job's.
function names.job(region_id)
  made = made + 1
  local ticks = ARDOUR.LuaAPI.monotonic_time() & 0xffffff
  return ("ardour-%010d-%06x-%s-%d"):format(os.time(), ticks, region_id, made)
end

return names
