-- Jobs that have not been placed yet, kept in the project: they outlive the script, and REAPER.
-- A value is percent-encoded: a project file is lines of quoted words, and names hold whatever people type.
local lines = require("dap.lines")

local record = {}

local SECTION = "dap-bridge"
local ORDER = { "title", "import", "undo_name" }
local NUMBERS = { "position", "length", "offset" }
local TEXTS = { "item_guid", "track_guid", "name", "rendered" }

local function put_all(fields, prefix, values)
  for name, value in pairs(values) do fields[prefix .. name] = value end
end

-- What was put under a prefix, each read by `as`.
local function all_of(fields, prefix, as)
  local found = {}
  for name, value in pairs(fields) do
    if name:sub(1, #prefix) == prefix then found[name:sub(#prefix + 1)] = as(value) end
  end
  return found
end

-- Seconds to the last bit.
local function exact(number) return ("%.17g"):format(number) end

local function put_clip(fields, prefix, clip)
  for _, name in ipairs(NUMBERS) do fields[prefix .. name] = exact(clip[name]) end
  for _, name in ipairs(TEXTS) do fields[prefix .. name] = clip[name] end
  put_all(fields, prefix .. "item.", clip.item_shape)
  put_all(fields, prefix .. "take.", clip.take_shape)
end

local function clip_of(fields, prefix)
  local clip = {
    item_shape = all_of(fields, prefix .. "item.", tonumber),
    take_shape = all_of(fields, prefix .. "take.", tonumber),
  }
  for _, name in ipairs(NUMBERS) do clip[name] = tonumber(fields[prefix .. name]) end
  for _, name in ipairs(TEXTS) do clip[name] = fields[prefix .. name] end
  return clip
end

function record.keep(project, job, order)
  local fields = { clips = #order.clips }
  for _, name in ipairs(ORDER) do fields[name] = order[name] end
  put_all(fields, "option.", order.options)
  for number, clip in ipairs(order.clips) do put_clip(fields, number .. ".", clip) end
  local text = lines.encode(fields):gsub("[^%w._-]", function(c) return ("%%%02X"):format(c:byte()) end)
  reaper.SetProjExtState(project, SECTION, job, text)
end

function record.forget(project, job) reaper.SetProjExtState(project, SECTION, job, "") end

-- Whether a project still waits for a job.
function record.waits(project, job)
  local _, text = reaper.GetProjExtState(project, SECTION, job)
  return text ~= ""
end

local function read(text)
  local fields = lines.decode((text:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end)))
  local order = { clips = {}, options = all_of(fields, "option.", tostring) }
  for _, name in ipairs(ORDER) do order[name] = fields[name] end
  for number = 1, tonumber(fields.clips) or 0 do order.clips[number] = clip_of(fields, number .. ".") end
  return order
end

-- The jobs that a project still waits for: a list of {name, order}, the oldest first.
function record.all(project)
  local found = {}
  for index = 0, math.huge do
    local more, name = reaper.EnumProjExtState(project, SECTION, index)
    if not more then break end
    local _, text = reaper.GetProjExtState(project, SECTION, name)
    found[#found + 1] = { name = name, order = read(text) }
  end
  table.sort(found, function(a, b) return a.name < b.name end)
  return found
end

return record
