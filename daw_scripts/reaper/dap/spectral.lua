-- The spectral edits that a user has drawn on a take: boxes of time and frequency.
local times = require("dap.times")

local spectral = {}

-- What positions and lengths of spectral edits are seconds of, as REAPER's functions tell them (a project file holds seconds
-- of the take's file). See "Calibrating the boxes" in docs/reaper.md.
local SCALE = times.FILE
local BYPASSED = 1

-- A stretch of frequency, whichever end comes first.
local function band(a, b) return math.min(a, b), math.max(a, b) end

-- Lowest and highest frequency of an edit's outline, which may have several points above and below.
local function outline(value, edit)
  local low, high = math.huge, -math.huge
  for _, side in ipairs({ "TOPFREQ", "BOTFREQ" }) do
    for point = 0, math.floor(value(("I_SPECEDIT:%d:%s_CNT"):format(edit, side))) - 1 do
      local frequency = value(("F_SPECEDIT:%d:%s_FREQ:%d"):format(edit, side, point))
      low, high = math.min(low, frequency), math.max(high, frequency)
    end
  end
  return low, high
end

-- As REAPER 7.31 and later tell them.
local function by_value(take)
  local function value(name) return reaper.GetMediaItemTakeInfo_Value(take, name) end
  local found = {}
  for edit = 0, math.floor(value("IP_SPECEDIT:CNT")) - 1 do
    local low, high = outline(value, edit)
    local start = value(("D_SPECEDIT:%d:POSITION"):format(edit))
    found[#found + 1] = {
      start = start, stop = start + value(("D_SPECEDIT:%d:LENGTH"):format(edit)), low = low, high = high,
      flags = math.floor(value(("I_SPECEDIT:%d:FLAGS"):format(edit))),
    }
  end
  return found
end

-- SPECTRAL_EDIT position length gain fade fade low high channel flags …
local function edit_of(words)
  local low, high = band(tonumber(words[7]), tonumber(words[8]))
  local start = tonumber(words[2])
  return { start = start, stop = start + tonumber(words[3]), low = low, high = high, flags = math.floor(tonumber(words[10])) }
end

-- As a project file holds them, for earlier versions: among the lines of their take, after its source.
-- number: of the take in its item, from 0.
local function by_chunk(chunk, number)
  local found, depth, take = {}, 0, 0
  for line in chunk:gmatch("[^\r\n]+") do
    local words = {}
    for word in line:gmatch("%S+") do words[#words + 1] = word end
    local first = words[1] or ""
    if first:sub(1, 1) == "<" then
      depth = depth + 1
    elseif first == ">" then
      depth = depth - 1
    elseif depth == 1 and first == "TAKE" then
      take = take + 1
    elseif depth == 1 and first == "SPECTRAL_EDIT" and take == number and #words >= 10 then
      found[#found + 1] = edit_of(words)
    end
  end
  return found
end

-- The edits of a take that are not bypassed, as {start, stop, low, high}: seconds of the take's file, and Hz.
-- shape: see times.lua.
function spectral.boxes(item, take, shape)
  local edits, scale = by_value(take), SCALE
  if #edits == 0 then
    scale = times.FILE
    local _, chunk = reaper.GetItemStateChunk(item, "", false)
    edits = by_chunk(chunk, math.floor(reaper.GetMediaItemInfo_Value(item, "I_CURTAKE")))
  end
  local boxes = {}
  for _, edit in ipairs(edits) do
    if edit.flags & BYPASSED == 0 and edit.low <= edit.high then
      boxes[#boxes + 1] = {
        start = times.in_file(shape, scale, edit.start), stop = times.in_file(shape, scale, edit.stop),
        low = edit.low, high = edit.high,
      }
    end
  end
  return boxes
end

return spectral
