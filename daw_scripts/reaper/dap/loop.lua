-- Work that takes longer than a moment, as coroutines that REAPER's timer resumes: nothing here ever blocks.
local loop = {}

-- What one piece of work may take of a tick, in seconds.
loop.SLICE_S = 0.002

-- Run `main` a tick at a time until it returns. It may call `pause` and `wait`.
function loop.start(main)
  local thread = coroutine.create(main)
  local function tick()
    local fine, trouble = coroutine.resume(thread)
    if not fine then error(debug.traceback(thread, trouble), 0) end
    if coroutine.status(thread) ~= "dead" then reaper.defer(tick) end
  end
  tick()
end

-- Until the next tick.
loop.pause = coroutine.yield

-- Until `condition` gives something, which is returned, or `seconds` have passed.
function loop.wait(condition, seconds)
  local deadline = reaper.time_precise() + seconds
  while true do
    local value = condition()
    if value or reaper.time_precise() >= deadline then return value end
    loop.pause()
  end
end

return loop
