-- What every action that makes jobs does: gather, find the daemon, follow the jobs to their ends.
local Job = require("dap.job")
local daemon = require("dap.daemon")
local follow = require("dap.follow")
local loop = require("dap.loop")
local message = require("dap.message")

local action = {}

-- gather(project) gives a list of orders (see job.lua) for the project in front; or nil and a sentence that says why not,
-- or nil alone where the user went back. Left out, `project` is the one in front.
function action.run(gather, project)
  project = project or reaper.EnumProjects(-1)
  local orders, trouble = gather(project)
  if not orders then return trouble and message.tell(trouble) end
  loop.start(function()
    local link = daemon.find()
    if not link then return message.tell(message.NOT_RUNNING) end
    local jobs = {}
    for index, order in ipairs(orders) do jobs[index] = Job.new(project, order, jobs[index - 1]) end
    follow.run(link, jobs)
  end)
end

return action
