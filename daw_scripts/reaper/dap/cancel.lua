-- Cancel every job that this project waits for.
local Job = require("dap.job")
local daemon = require("dap.daemon")
local follow = require("dap.follow")
local loop = require("dap.loop")
local message = require("dap.message")
local record = require("dap.record")

local cancel = {}

function cancel.run()
  local project = reaper.EnumProjects(-1)
  local kept = record.all(project)
  if #kept == 0 then return message.tell("This project waits for no jobs.") end
  loop.start(function()
    local link = daemon.find()
    if not link then return message.tell(message.NOT_RUNNING) end
    local jobs = {}
    for index, entry in ipairs(kept) do
      jobs[index] = Job.known(project, entry, jobs[index - 1])
      jobs[index].cancel_asked = true
    end
    follow.run(link, jobs)
  end)
end

return cancel
