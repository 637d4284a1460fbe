-- Results into the project that asked, as one undo step, whichever project is in front.
local files = require("dap.files")
local json = require("dap.json")

local place = {}

local EVERYTHING = -1
-- How results come into the project, by the name that a task gives.
local IMPORTS = { stems = require("dap.stems") }

-- What a manifest names, each with name, role and media; nil and a sentence where it cannot be read. Changes nothing.
function place.open(manifest)
  local fine, content = pcall(json.decode, files.read(manifest) or "")
  if not fine or type(content) ~= "table" or type(content.stems) ~= "table" then
    return nil, "the manifest cannot be read: " .. manifest
  end
  local made = {}
  for number, stem in ipairs(content.stems) do
    local path = files.parent(manifest) .. "/" .. stem.path
    local media = reaper.PCM_Source_CreateFromFile(path)
    if not media then return nil, "REAPER cannot read " .. path end
    made[number] = { name = stem.name, role = stem.role, media = media }
  end
  return made
end

local function build(project, jobs)
  for _, job in ipairs(jobs) do IMPORTS[job.task.import].build(project, job.task, job.made) end
end

local function step_name(jobs)
  local first = jobs[1].task
  return ("%s: %s"):format(first.undo_name, #jobs == 1 and first.title or ("%d items"):format(#jobs))
end

-- Put what jobs of one project made into it, in one undo step. Returns true, or nil and a sentence; the undo block and
-- the interface are closed in any case.
function place.together(jobs)
  local project = jobs[1].project
  local front = reaper.EnumProjects(-1)
  if project ~= front then reaper.SelectProjectInstance(project) end
  reaper.PreventUIRefresh(1)
  reaper.Undo_BeginBlock2(project)
  local fine, why = pcall(build, project, jobs)
  reaper.Undo_EndBlock2(project, step_name(jobs), EVERYTHING)
  reaper.PreventUIRefresh(-1)
  if project ~= front then reaper.SelectProjectInstance(front) end
  reaper.TrackList_AdjustWindows(false)
  reaper.UpdateArrange()
  if fine then return true end
  return nil, tostring(why)
end

return place
