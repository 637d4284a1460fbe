-- Is the daemon there, and how do this session's jobs stand.
local answers = require("dap.answers")
local jobs = require("dap.jobs")
local message = require("dap.message")
local sentences = require("dap.sentences")

return function()
  local said = answers.welcome()
  if not said then return message.not_running() end
  local device = "device not probed yet"
  if said.device and said.device ~= "" then device = said.device .. ": " .. (said.device_reason or "") end
  local parts = { sentences.running(said) .. "\n" .. device }
  local list = jobs.all()
  if #list == 0 then parts[2] = "\n\nThis session waits for nothing." end
  for _, job in ipairs(list) do
    local event = answers.event(job.name) or {}
    local done = event.event == "progress" and " " .. sentences.percent(event.fraction) or ""
    parts[#parts + 1] = ("\n\n%s: %s%s"):format(job.label, event.event or "no answer yet", done)
  end
  message.tell(table.concat(parts))
end
