-- Results into the project that asked, as one undo step, whichever project is in front.
local alternatives = require("dap.alternatives")
local files = require("dap.files")
local manifests = require("dap.manifests")

local place = {}

local EVERYTHING = -1
-- How results come into the project, by the name that an order gives. Each has build(project, order, made, ground), to be called
-- inside an undo block; and may have prepare(project, order), which finds the ground and says why there is none.
local IMPORTS = {
  stems = require("dap.stems"), adopted = require("dap.adopted"), takes = require("dap.takes"), sounds = require("dap.sounds"),
}

-- What a manifest says, its stems with their media; nil and a sentence where one cannot be read. Changes nothing.
function place.open(manifest)
  local content = manifests.read(manifest)
  if not content then return nil, "the manifest cannot be read: " .. manifest end
  for _, stem in ipairs(alternatives.stems(content)) do
    local file = files.parent(manifest) .. "/" .. stem.path
    stem.media = reaper.PCM_Source_CreateFromFile(file)
    if not stem.media then return nil, "REAPER cannot read " .. file end
  end
  return content
end

-- Where in the project a job's results go, as far as that must be looked for; nil and a sentence where there is no place.
function place.ground(job)
  local prepare = IMPORTS[job.order.import].prepare
  if not prepare then return {} end
  return prepare(job.project, job.order)
end

-- Change a project in one undo step, whichever project is in front. Returns true, or nil and a sentence; the undo block and
-- the interface are closed in any case.
function place.step(project, name, change)
  local front = reaper.EnumProjects(-1)
  if project ~= front then reaper.SelectProjectInstance(project) end
  reaper.PreventUIRefresh(1)
  reaper.Undo_BeginBlock2(project)
  local fine, why = pcall(change)
  reaper.Undo_EndBlock2(project, name, EVERYTHING)
  reaper.PreventUIRefresh(-1)
  if project ~= front then reaper.SelectProjectInstance(front) end
  reaper.TrackList_AdjustWindows(false)
  reaper.UpdateArrange()
  if fine then return true end
  return nil, tostring(why)
end

local function step_name(jobs)
  local first = jobs[1].order
  return ("%s: %s"):format(first.undo_name, #jobs == 1 and first.title or ("%d items"):format(#jobs))
end

-- Put what jobs of one project made into it, in one step; as place.step.
function place.together(jobs)
  return place.step(jobs[1].project, step_name(jobs), function()
    for _, job in ipairs(jobs) do
      IMPORTS[job.order.import].build(job.project, job.order, job.made, job.ground)
    end
  end)
end

return place
