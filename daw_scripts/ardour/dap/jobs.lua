-- The jobs that a session waits for, in a small file in its folder: they outlive Ardour.
local files = require("dap.files")
local json = require("dap.json")
local lines = require("dap.lines")

local jobs = {}

-- What is kept of each region; see regions.lua.
local CLIP = { "id", "name", "track_id", "position", "frames", "channels", "heard" }

local function path() return ARDOUR.LuaAPI.build_filename(Session:path(), "dap-bridge.jobs") end

local function packed(clips)
  local columns = {}
  for _, field in ipairs(CLIP) do
    columns[field] = {}
    for index, clip in ipairs(clips) do columns[field][index] = clip[field] end
  end
  return json.encode(columns)
end

local function unpacked(text)
  local columns, clips = json.decode(text), {}
  for index in ipairs(columns.position) do
    clips[index] = {}
    for _, field in ipairs(CLIP) do clips[index][field] = columns[field][index] end
  end
  return clips
end

-- A list of {name, verb, label, request, clips, mute, family, tried}, the oldest first. `family`: of the stems whose masks are
-- corrected, see sessions.lua. `clips`: the regions, the first of
-- them where the result begins. `request` is what was asked, as JSON: it may be asked again.
function jobs.all()
  local found = {}
  for block in ((files.read(path()) or "") .. "\n"):gmatch("(.-\n)\n") do
    local job = lines.decode(block)
    local fine, clips = pcall(unpacked, job.clips or "")
    if fine and #clips > 0 and job.name and job.verb then
      job.clips = clips
      found[#found + 1] = job
    end
  end
  return found
end

local function block(job)
  local fields = { clips = packed(job.clips) }
  for key, value in pairs(job) do fields[key] = fields[key] or value end
  return lines.encode(fields)
end

local function write(list)
  if #list == 0 then return os.remove(path()) end
  local blocks = {}
  for index, job in ipairs(list) do blocks[index] = block(job) end
  return files.write(path(), table.concat(blocks, "\n"))
end

-- Returns true, or nil and the reason.
function jobs.keep(job)
  local list = jobs.all()
  list[#list + 1] = job
  return write(list)
end

-- An import begins: one that ends Ardour must not do so again each time the session is opened.
function jobs.note_try(name)
  local list = jobs.all()
  for _, job in ipairs(list) do
    if job.name == name then job.tried = "yes" end
  end
  write(list)
end

function jobs.forget(name)
  local rest = {}
  for _, job in ipairs(jobs.all()) do
    if job.name ~= name then rest[#rest + 1] = job end
  end
  write(rest)
end

return jobs
