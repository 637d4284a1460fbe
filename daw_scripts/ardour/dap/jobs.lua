-- The jobs that a session waits for, in a small file in its folder: they outlive Ardour.
local files = require("dap.files")
local lines = require("dap.lines")

local jobs = {}

local NUMBERS = { "position", "frames", "channels" }

local function path() return ARDOUR.LuaAPI.build_filename(Session:path(), "dap-bridge.jobs") end

-- A list of {name, request, region_id, track_id, label, position, frames, channels, mute, heard, tried}, the oldest first.
-- `request` is what was asked, as JSON: it may be asked again.
function jobs.all()
  local found = {}
  for block in ((files.read(path()) or "") .. "\n"):gmatch("(.-\n)\n") do
    local job = lines.decode(block)
    for _, name in ipairs(NUMBERS) do job[name] = math.tointeger(tonumber(job[name])) end
    if job.name and job.position and job.frames then found[#found + 1] = job end
  end
  return found
end

local function write(list)
  if #list == 0 then return os.remove(path()) end
  local blocks = {}
  for index, job in ipairs(list) do blocks[index] = lines.encode(job) end
  return files.write(path(), table.concat(blocks, "\n"))
end

-- Returns true, or nil and the reason.
function jobs.keep(job)
  local list = jobs.all()
  list[#list + 1] = job
  return write(list)
end

-- An import begins: one that ends Ardour must not do so again each time the session is opened.
function jobs.mark_tried(name)
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
