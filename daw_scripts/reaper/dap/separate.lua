-- The main action: the selected items, a job each.
local Job = require("dap.job")
local bridge = require("dap.bridge")
local follow = require("dap.follow")
local geometry = require("dap.geometry")
local loop = require("dap.loop")
local message = require("dap.message")

local separate = {}

local function nothing_to_do(refused)
  local reason = #refused > 0 and ("\n\nLeft out: " .. table.concat(refused, ", ") .. ".") or ""
  message.tell("Select one or more audio items first." .. reason)
end

-- Separate the selected items of the project in front; ask() gives what is wanted, or nil to go back.
function separate.run(ask)
  local project = reaper.EnumProjects(-1)
  local clips, refused = geometry.selected(project)
  if #clips == 0 then return nothing_to_do(refused) end
  local wanted = ask()
  if not wanted then return end
  loop.start(function()
    local link = bridge.find()
    if not link then return message.tell(message.NOT_RUNNING) end
    local jobs = {}
    for index, clip in ipairs(clips) do jobs[index] = Job.new(project, clip, wanted, jobs[index - 1]) end
    follow.run(link, jobs)
  end)
end

return separate
