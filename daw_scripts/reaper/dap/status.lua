-- Is the daemon there, on what device, and what does this project still wait for?
local Job = require("dap.job")
local daemon = require("dap.daemon")
local follow = require("dap.follow")
local loop = require("dap.loop")
local message = require("dap.message")
local record = require("dap.record")
local sentences = require("dap.sentences")

local status = {}

local function about(link, said)
  local device = (said.device or "") ~= "" and ("%s (%s)"):format(said.device, said.device_reason) or "not probed yet"
  return ("%s\n\nDevice: %s\nJobs waiting or running: %s\nDrop folder: %s\nReached by: %s")
    :format(sentences.running(said), device, said.jobs, said.spool, link.way)
end

-- Say how things are; offer to place the stems that this project waits for.
function status.run()
  local project = reaper.EnumProjects(-1)
  loop.start(function()
    local link, said = daemon.find()
    if not link then return message.tell(message.NOT_RUNNING) end
    local kept = record.all(project)
    if #kept == 0 then
      link:close()
      return message.tell(about(link, said))
    end
    local question = ("\n\nThis project waits for the stems of %d item(s). Place them as they are ready?"):format(#kept)
    if not message.ask(about(link, said) .. question) then return link:close() end
    local jobs = {}
    for index, entry in ipairs(kept) do jobs[index] = Job.known(project, entry, jobs[index - 1]) end
    follow.run(link, jobs)
  end)
end

return status
