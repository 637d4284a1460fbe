-- Several jobs at once, with their window, until all have ended.
local loop = require("dap.loop")
local window = require("dap.window")

local follow = {}

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
    open = open and window.tick(jobs)
    loop.pause()
  end
  link:close()
  local failed = any(jobs, function(job) return job.state == "failed" end)
  while open and failed do
    open = window.tick(jobs)
    loop.pause()
  end
  if open then window.close() end
end

return follow
