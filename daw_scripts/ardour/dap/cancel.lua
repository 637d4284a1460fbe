-- Cancels what this session waits for.
local answers = require("dap.answers")
local daemon = require("dap.daemon")
local jobs = require("dap.jobs")
local marker = require("dap.marker")
local message = require("dap.message")

return function()
  local list = jobs.all()
  if #list == 0 then return message.tell("This session waits for nothing.") end
  if not answers.welcome() then -- nobody to ask: they are given up
    for _, job in ipairs(list) do
      marker.remove(job)
      jobs.forget(job.name)
    end
    return message.not_running()
  end
  for _, job in ipairs(list) do
    marker.show(job, "cancelling")
    daemon.send("cancel", { job = job.name })
  end
end
