-- The window: a row a job with its bar, what happens, device and reason, and a button: to cancel it, or, once it is ready and
-- waits for others, to place what is ready.
local message = require("dap.message")
local sentences = require("dap.sentences")

local window = {}

-- Rows at once.
local MOST = 8
local WIDTH, ROW, MARGIN, BUTTON = 560, 64, 12, 64
local LEFT_BUTTON = 1
local CLOSED, ESCAPE = -1, 27
local COLOURS = {
  back = { 0.16, 0.16, 0.17 }, text = { 0.9, 0.9, 0.9 }, faint = { 0.6, 0.6, 0.62 }, groove = { 0.27, 0.27, 0.29 },
  working = { 0.29, 0.56, 0.89 }, ready = { 0.35, 0.7, 0.42 }, done = { 0.35, 0.7, 0.42 },
  failed = { 0.85, 0.35, 0.3 }, cancelled = { 0.5, 0.5, 0.5 },
}

local function colour(name) gfx.set(table.unpack(COLOURS[name])) end

local function write(text, x, y, right)
  gfx.x, gfx.y = x, y
  gfx.drawstr(text, 0, right, y + gfx.texth)
end

-- "1:05"
local function clock(seconds)
  local whole = math.ceil(seconds)
  return ("%d:%02d"):format(whole // 60, whole % 60)
end

-- What happens to a job, in a line.
function window.sentence(job)
  local parts = { job.stage }
  if job.state == "working" then
    if job.fraction > 0 then parts[#parts + 1] = sentences.percent(job.fraction) end
    if (job.seconds_left or -1) >= 0 then parts[#parts + 1] = clock(job.seconds_left) .. " left" end
  end
  if (job.device or "") ~= "" then parts[#parts + 1] = ("on %s (%s)"):format(job.device, job.device_reason) end
  if job.hint then parts[#parts + 1] = job.hint end
  return table.concat(parts, " · ")
end

-- Where the button of row `index` (from 1) is: x, y, width, height.
function window.button(index)
  return WIDTH - MARGIN - BUTTON, (index - 1) * ROW + MARGIN, BUTTON, 22
end

local function draw_row(job, index)
  local top = (index - 1) * ROW
  local x, y, width, height = window.button(index)
  colour("text")
  write(job.order.title, MARGIN, top + MARGIN, x - MARGIN)
  if not job:ended() then
    colour("groove")
    gfx.rect(x, y, width, height, 1)
    colour("text")
    write(job.state == "ready" and "Place" or job.cancel_asked and "…" or "Cancel", x + 10, y + 4, x + width)
  end
  colour("groove")
  gfx.rect(MARGIN, top + 32, x - 2 * MARGIN, 6, 1)
  colour(job.state)
  gfx.rect(MARGIN, top + 32, math.floor((x - 2 * MARGIN) * job.fraction), 6, 1)
  colour(job.state == "failed" and "failed" or "faint")
  write(window.sentence(job), MARGIN, top + 42, WIDTH - MARGIN)
end

-- Whether a row makes room for those where something happens or is to be read.
local function yields(job) return job.state ~= "working" and job.state ~= "failed" end

-- The jobs that have rows.
local function visible(jobs)
  local rows, room = {}, MOST
  for _, job in ipairs(jobs) do
    if not yields(job) then room = room - 1 end
  end
  for _, job in ipairs(jobs) do
    if #rows < MOST and (not yields(job) or room > 0) then
      rows[#rows + 1] = job
      if yields(job) then room = room - 1 end
    end
  end
  return rows
end

local function draw(jobs)
  colour("back")
  gfx.rect(0, 0, gfx.w, gfx.h, 1)
  for index, job in ipairs(jobs) do draw_row(job, index) end
  gfx.update()
end

local function pressed(index)
  local x, y, width, height = window.button(index)
  return gfx.mouse_x >= x and gfx.mouse_x < x + width and gfx.mouse_y >= y and gfx.mouse_y < y + height
end

function window.open(jobs)
  gfx.init(message.TITLE, WIDTH, ROW * math.min(#jobs, MOST) + MARGIN)
  gfx.setfont(1, "Arial", 14)
end

-- Draw, and notice what the user does. False once the window is closed: the jobs go on without it.
function window.tick(all)
  local jobs = visible(all)
  local key = gfx.getchar()
  if key == CLOSED then return false end
  if key == ESCAPE then
    gfx.quit()
    return false
  end
  local down = gfx.mouse_cap & LEFT_BUTTON ~= 0
  if down and not window.was_down then
    for index, job in ipairs(jobs) do
      if not job:ended() and pressed(index) then
        job[job.state == "ready" and "place_asked" or "cancel_asked"] = true
      end
    end
  end
  window.was_down = down
  draw(jobs)
  return true
end

window.close = function() gfx.quit() end

return window
