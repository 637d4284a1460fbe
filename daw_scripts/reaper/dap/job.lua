-- The life of one job, as a coroutine: render where needed, submit, follow, fetch what was made.
local files = require("dap.files")
local loop = require("dap.loop")
local names = require("dap.names")
local peaks = require("dap.peaks")
local place = require("dap.place")
local record = require("dap.record")
local render = require("dap.render")
local sentences = require("dap.sentences")
local settings = require("dap.settings")

local Job = {}
Job.__index = Job

-- Between two polls of what the daemon says.
local POLL_S = 0.25
-- The verb whose results are corrected by the audio that they were made of. The daemon removes what nobody worked on for long.
local CORRECTABLE = { separate = true, denoise = true, adopt = true }
-- After so much silence the daemon is asked; after so much more it is said to be away.
local ASK_S, AWAY_S = 3, 6

local function unique() return (reaper.genGuid(""):gsub("[^%x]", ""):sub(1, 12):lower()) end

-- A job for an order, to be sent after the job `before`. An order is a table of
--   verb       what is asked of the daemon
--   clips      the items it is about, as geometry describes them
--   fields     function(stretches) -> fields of the request; a stretch names clip, start, frames and rate of one of the clips
--   title      what the user sees of it
--   import     how results come into the project: a name that place.lua knows
--   undo_name  of the step that places them
--   options    strings by name, for the import; `together`: whether it is placed with the others, in one step
function Job.new(project, order, before)
  return setmetatable({
    project = project, order = order, name = names.job(unique()), before = before,
    state = "working", stage = "waiting", fraction = 0,
  }, Job)
end

-- A job that was sent earlier, as the project remembers it.
function Job.known(project, kept, before)
  local job = Job.new(project, kept.order, before)
  job.name, job.sent = kept.name, true
  return job
end

function Job:ended() return self.state ~= "working" and self.state ~= "ready" end

function Job:fail(text, hint)
  self.state, self.stage, self.hint = "failed", text, hint
end

local function cancelled(self) self.state, self.stage = "cancelled", "cancelled" end

function Job:project_open() return reaper.ValidatePtr2(0, self.project, "ReaProject*") end

-- What to send of an item: a stretch of its own file, or of a file that holds what is heard of it. Nil where that failed.
function Job:stretch(clip, number)
  if not clip.obstacle then return { clip = clip.file, start = clip.start, frames = clip.frames, rate = clip.rate } end
  self.stage = "reading the item"
  local folder = settings.spool .. "/clips"
  reaper.RecursiveCreateDirectory(folder, 0)
  clip.rendered = ("%s/%s-%d.wav"):format(folder, self.name, number)
  local fine, trouble = render.write(clip, self.project, clip.rendered, function(fraction)
    self.fraction = fraction
    return self.cancel_asked and "stop" or nil
  end)
  self.fraction = 0
  if fine then return { clip = clip.rendered, start = 0, frames = clip.frames, rate = clip.rate } end
  if self.cancel_asked then cancelled(self) else self:fail(trouble) end
  return nil
end

-- Items are read one at a time, and sent in their order.
function Job:await_turn()
  self.stage = "waiting"
  while self.before and not (self.before.sent or self.before:ended()) and not self.cancel_asked do loop.pause() end
  if self.cancel_asked then cancelled(self) end
end

function Job:submit(link)
  self:await_turn()
  local stretches = {}
  for number, clip in ipairs(self.order.clips) do
    if self:ended() then break end
    stretches[number] = self:stretch(clip, number)
  end
  if self:ended() then return self:clear() end
  local request = self.order.fields(stretches)
  request.job = self.name
  local folder = reaper.GetProjectPathEx(self.project)
  if folder ~= "" then request.out = ("%s/dap-stems/%s"):format(folder, self.name) end
  self.request = request
  record.keep(self.project, self.name, self.order)
  local sent, trouble = link:send(self.order.verb, request)
  self.sent = true
  if not sent then
    self:fail("the request could not be sent: " .. tostring(trouble))
    self:forget()
  end
end

-- What was rendered for the daemon is not needed any more.
function Job:clear()
  for _, clip in ipairs(self.order.clips) do
    if clip.rendered then os.remove(clip.rendered) end
  end
end

-- The job is over: nothing of it is kept but what it made, and, where that can be corrected, what was rendered for it.
function Job:forget(correctable)
  if self:project_open() then record.forget(self.project, self.name) end
  if not correctable then self:clear() end
end

local HANDLERS = {}

function HANDLERS.queued(self, event) self.stage = sentences.waiting(event) end

function HANDLERS.progress(self, event)
  self.stage, self.fraction = event.stage, tonumber(event.fraction) or 0
  self.seconds_left = tonumber(event.seconds_left)
  self.device, self.device_reason = event.device, event.device_reason
end

function HANDLERS.done(self, event)
  self.fraction, self.manifest, self.ready_at = 1, event.manifest, reaper.time_precise()
  self.state, self.stage = "ready", "ready; placed with the others"
end

function HANDLERS.failed(self, event, link)
  if event.code == "unknown_job" and self.request and not self.resent then
    self.resent = true -- the datagram was lost
    link:send(self.order.verb, self.request)
    return
  end
  self:fail(event.message, event.hint)
  self:forget()
end

function HANDLERS.cancelled(self)
  cancelled(self)
  self:forget()
end

-- The daemon ended in mid-job and runs again.
function HANDLERS.interrupted(self, _, link)
  if self.resumed_at and reaper.time_precise() - self.resumed_at < ASK_S then return end
  self.resumed_at = reaper.time_precise()
  self.stage = "interrupted; running it again"
  link:send("resume", { job = self.name })
end

-- What was made stays where it is, and can be placed later.
function Job:keep_out(reason) self:fail(reason, "The stems are in " .. files.parent(self.manifest)) end

-- Make ready what a job made and where it goes; it ends here where nothing is to be placed.
function Job:fetch()
  if not self:project_open() then return self:keep_out("the project was closed") end
  if self.sent and not record.waits(self.project, self.name) then
    self.state, self.stage = "done", "placed already" -- by another run of an action
    return
  end
  local made, ground, trouble
  made, trouble = place.open(self.manifest)
  if made then ground, trouble = place.ground(self) end
  if not ground then return self:keep_out(trouble) end
  self.made, self.ground = made, ground
end

-- Put what jobs of one project made into it, in one step.
function Job.place(jobs)
  local fetched = {}
  for _, job in ipairs(jobs) do job:fetch() end
  for _, job in ipairs(jobs) do
    if job.state == "ready" and not job:project_open() then job:keep_out("the project was closed") end
    if job.state == "ready" then fetched[#fetched + 1] = job end
  end
  if #fetched == 0 then return end
  local fine, trouble = place.together(fetched)
  for _, job in ipairs(fetched) do
    if fine then
      job.state, job.stage, job.warnings = "done", "done", job.made.warnings
      job:forget(CORRECTABLE[job.made.verb])
    else
      job:keep_out(trouble)
    end
  end
end

-- What a job does from beginning to end; a coroutine's body. Whoever runs it places it once it is ready.
function Job:run(link)
  if not self.sent then self:submit(link) end
  local heard, asked, said = reaper.time_precise(), 0, nil
  while self.state == "working" do
    if self.cancel_asked and not self.cancel_sent then
      self.cancel_sent, self.stage = true, "cancelling"
      link:send("cancel", { job = self.name })
    end
    local event = link:event(self.name)
    local news = event and event.event .. (event.fraction or event.place or "") .. (event.stage or event.seconds or "")
    local now = reaper.time_precise()
    if event and (news ~= said or event.event == "interrupted") then
      heard, said = now, news
      local handler = HANDLERS[event.event]
      if handler then handler(self, event, link) end
    elseif now - heard > ASK_S and now - asked > ASK_S then
      asked = now
      link:send("status", { job = self.name })
    end
    self.away = now - heard > AWAY_S and not link:alive()
    if self.away then self.stage = "the daemon does not answer; start it to go on" end
    if self.state == "working" then
      loop.wait(function() return self.cancel_asked and not self.cancel_sent end, POLL_S)
    end
  end
  while not self:ended() do loop.pause() end
  if self.state == "done" and self.made then peaks.build(self.made) end
end

return Job
