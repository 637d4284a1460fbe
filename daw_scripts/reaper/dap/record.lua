-- Jobs that have not been placed yet, kept in the project: they outlive the script, and REAPER.
-- A value is percent-encoded: a project file is lines of quoted words, and names hold whatever people type.
local lines = require("dap.lines")

local record = {}

local SECTION = "dap-bridge"
local NUMBERS = { "position", "length", "offset" }
local TEXTS = { "item_guid", "track_guid", "name", "rendered" }

local function keep_shape(fields, prefix, shape)
  for name, value in pairs(shape) do fields[prefix .. name] = value end
end

local function shape_of(fields, prefix)
  local shape = {}
  for name, value in pairs(fields) do
    local own = name:match("^" .. prefix .. "(.+)$")
    if own then shape[own] = tonumber(value) end
  end
  return shape
end

-- Seconds to the last bit.
local function exact(number) return ("%.17g"):format(number) end

function record.keep(project, job, clip, mute)
  local fields = { mute = mute and "yes" or "no" }
  for _, name in ipairs(NUMBERS) do fields[name] = exact(clip[name]) end
  for _, name in ipairs(TEXTS) do fields[name] = clip[name] end
  keep_shape(fields, "item.", clip.item_shape)
  keep_shape(fields, "take.", clip.take_shape)
  local text = lines.encode(fields):gsub("[^%w._-]", function(c) return ("%%%02X"):format(c:byte()) end)
  reaper.SetProjExtState(project, SECTION, job, text)
end

function record.forget(project, job) reaper.SetProjExtState(project, SECTION, job, "") end

local function read(text)
  local fields = lines.decode((text:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end)))
  local clip = { item_shape = shape_of(fields, "item%."), take_shape = shape_of(fields, "take%.") }
  for _, name in ipairs(NUMBERS) do clip[name] = tonumber(fields[name]) end
  for _, name in ipairs(TEXTS) do clip[name] = fields[name] end
  return clip, fields.mute == "yes"
end

-- The jobs that a project still waits for: a list of {name, clip, mute}, the oldest first.
function record.all(project)
  local found = {}
  for index = 0, math.huge do
    local more, name = reaper.EnumProjExtState(project, SECTION, index)
    if not more then break end
    local _, text = reaper.GetProjExtState(project, SECTION, name)
    local clip, mute = read(text)
    found[#found + 1] = { name = name, clip = clip, mute = mute }
  end
  table.sort(found, function(a, b) return a.name < b.name end)
  return found
end

return record
