-- Several jobs at once, with their window, until all have ended.
local Job = require("dap.job")
local loop = require("dap.loop")
local message = require("dap.message")
local window = require("dap.window")

local follow = {}

-- How long a finished job that is placed by itself leaves the one before it to be placed first.
local TURN_S = 0.5

local function start(job, link)
  return coroutine.create(function() job:run(link) end)
end

-- Let a job go on; an error of ours ends that job and no other.
local function advance(job, thread)
  local fine, trouble = coroutine.resume(thread)
  if not fine then job:fail(debug.traceback(thread, trouble)) end
end

local function any(jobs, test)
  for _, job in ipairs(jobs) do
    if test(job) then return true end
  end
  return false
end

local function waited_for(job) return job.state == "working" and not job.away end
local function asked_for(job) return job.place_asked end
local function failed(job) return job.state == "failed" end

local function place_alone(job)
  local before = job.before
  if not before or before:ended() or reaper.time_precise() - job.ready_at > TURN_S then Job.place({ job }) end
end

-- Place what is ready: together, once no other job is waited for, or the user asks for it, or each by itself.
-- A job that the daemon is silent about keeps nobody waiting.
local function place_ready(jobs)
  local together, now = {}, not any(jobs, waited_for) or any(jobs, asked_for)
  for _, job in ipairs(jobs) do
    if job.state == "ready" and job.order.options.together == "yes" then
      together[#together + 1] = job
      job.place_asked = nil
    elseif job.state == "ready" then
      place_alone(job)
    end
  end
  if now then Job.place(together) end
end

-- What the user should know of what was placed: once, in a box, for a line of the window is soon gone.
local function tell_warnings(jobs)
  local sentences = {}
  for _, job in ipairs(jobs) do
    for _, warning in ipairs(job.warnings or {}) do
      sentences[#sentences + 1] = ("%s: %s"):format(job.order.title, warning)
    end
    job.warnings = nil
  end
  if #sentences > 0 then message.tell(table.concat(sentences, "\n\n")) end
end

-- Run jobs to their ends. The window closes by itself unless something is to be read in it.
function follow.run(link, jobs)
  local threads, open = {}, true
  window.open(jobs)
  for index, job in ipairs(jobs) do threads[index] = start(job, link) end
  local busy = true
  while busy do
    busy = false
    for index, job in ipairs(jobs) do
      if coroutine.status(threads[index]) ~= "dead" then
        busy = true
        advance(job, threads[index])
      end
    end
    place_ready(jobs)
    tell_warnings(jobs)
    if open and not window.tick(jobs) then
      open = false
      for _, job in ipairs(jobs) do job.unwatched = true end
    end
    loop.pause()
  end
  link:close()
  local unread = any(jobs, failed)
  while open and unread do
    open = window.tick(jobs)
    loop.pause()
  end
  if open then window.close() end
end

return follow
