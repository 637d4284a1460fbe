-- The life of one job, as a coroutine: render where needed, submit, follow, place.
local files = require("dap.files")
local json = require("dap.json")
local loop = require("dap.loop")
local names = require("dap.names")
local peaks = require("dap.peaks")
local place = require("dap.place")
local record = require("dap.record")
local render = require("dap.render")
local settings = require("dap.settings")

local Job = {}
Job.__index = Job

-- Between two looks at what the bridge says.
local POLL_S = 0.25
-- After so much silence the bridge is asked; after so much more it is said to be away.
local ASK_S, AWAY_S = 3, 6

-- How long a finished job leaves the one before it to be placed first.
local TURN_S = 0.5

-- A new job for a described item; `wanted` holds preset, sources, seed, device and mute; it is sent after the job `before`.
function Job.new(project, clip, wanted, before)
  return setmetatable({
    project = project, clip = clip, wanted = wanted, mute = wanted.mute == "yes", name = names.job(), before = before,
    state = "working", stage = "waiting", fraction = 0,
  }, Job)
end

-- A job that was sent earlier, as the project remembers it.
function Job.known(project, kept, before)
  return setmetatable({
    project = project, clip = kept.clip, mute = kept.mute, name = kept.name, sent = true, before = before,
    state = "working", stage = "waiting", fraction = 0,
  }, Job)
end

function Job:ended() return self.state ~= "working" end

function Job:fail(text, hint)
  self.state, self.stage, self.hint = "failed", text, hint
end

function Job:project_open() return reaper.ValidatePtr2(0, self.project, "ReaProject*") end

-- The file to separate: the item's own, or what is heard of it. Returns the fields that name it, or nil.
function Job:prepare()
  local clip = self.clip
  if not clip.obstacle then return { clip = clip.file, start = clip.start, frames = clip.frames, rate = clip.rate } end
  self.stage = "reading the item"
  local folder = settings.spool .. "/clips"
  reaper.RecursiveCreateDirectory(folder, 0)
  clip.rendered = ("%s/%s.wav"):format(folder, self.name)
  local fine, trouble = render.write(clip, self.project, clip.rendered, function(fraction)
    self.fraction = fraction
    return self.cancel_asked and "stop" or nil
  end)
  self.fraction = 0
  if not fine then
    if self.cancel_asked then self.state, self.stage = "cancelled", "cancelled" else self:fail(trouble) end
    return nil
  end
  return { clip = clip.rendered, start = 0, frames = clip.frames, rate = clip.rate }
end

-- Items are read one at a time, and sent in their order.
function Job:await_turn()
  self.stage = "waiting"
  while self.before and not (self.before.sent or self.before:ended()) and not self.cancel_asked do loop.pause() end
  if self.cancel_asked then self.state, self.stage = "cancelled", "cancelled" end
end

function Job:submit(link)
  self:await_turn()
  if self:ended() then return end
  local request = self:prepare()
  if not request then return end
  request.job = self.name
  request.label = names.label(self.clip.name)
  for _, name in ipairs({ "preset", "sources", "seed", "device" }) do request[name] = self.wanted[name] end
  local folder = reaper.GetProjectPathEx(self.project)
  if folder ~= "" then request.out = ("%s/dap-stems/%s"):format(folder, self.name) end
  self.request = request
  record.keep(self.project, self.name, self.clip, self.mute)
  local sent, trouble = link:send("separate", request)
  self.sent = true
  if not sent then
    self:fail("the request could not be sent: " .. tostring(trouble))
    self:forget()
  end
end

-- The job is over: nothing of it is kept but what it made.
function Job:forget()
  if self:project_open() then record.forget(self.project, self.name) end
  if self.clip.rendered then os.remove(self.clip.rendered) end
end

local HANDLERS = {}

function HANDLERS.progress(self, event)
  self.stage, self.fraction = event.stage, tonumber(event.fraction) or 0
  self.seconds_left = tonumber(event.seconds_left)
  self.device, self.device_reason = event.device, event.device_reason
end

function HANDLERS.done(self, event)
  if self.before then loop.wait(function() return self.before:ended() end, TURN_S) end
  self.fraction = 1
  if not self:project_open() then
    self:fail("the project was closed", "The stems are in " .. files.parent(event.manifest))
    return
  end
  local media, trouble = self:place(event.manifest)
  if not media then
    self:fail(trouble, "The stems are in " .. files.parent(event.manifest))
    return
  end
  self:forget()
  self.state, self.stage = "done", "done"
  peaks.build(media)
end

function HANDLERS.failed(self, event, link)
  if event.code == "unknown_job" and self.request and not self.resent then
    self.resent = true -- the datagram was lost
    link:send("separate", self.request)
    return
  end
  self:fail(event.message, event.hint)
  self:forget()
end

function HANDLERS.cancelled(self)
  self.state, self.stage = "cancelled", "cancelled"
  self:forget()
end

-- The bridge ended in mid-job and runs again.
function HANDLERS.interrupted(self, _, link)
  if self.resumed_at and reaper.time_precise() - self.resumed_at < ASK_S then return end
  self.resumed_at = reaper.time_precise()
  self.stage = "interrupted; running it again"
  link:send("resume", { job = self.name })
end

function Job:place(manifest)
  local text = files.read(manifest)
  local fine, content = pcall(json.decode, text or "")
  if not fine or type(content) ~= "table" or type(content.stems) ~= "table" then
    return nil, "the manifest cannot be read: " .. manifest
  end
  local stems = {}
  for index, stem in ipairs(content.stems) do
    stems[index] = { name = stem.name, path = files.parent(manifest) .. "/" .. stem.path }
  end
  return place.stems(self.project, self.clip, stems, self.mute)
end

-- What a job does from beginning to end; a coroutine's body.
function Job:run(link)
  if not self.sent then self:submit(link) end
  local heard, asked, said = reaper.time_precise(), 0, nil
  while not self:ended() do
    if self.cancel_asked and not self.cancel_sent then
      self.cancel_sent, self.stage = true, "cancelling"
      link:send("cancel", { job = self.name })
    end
    local event = link:event(self.name)
    local mark = event and event.event .. (event.fraction or "") .. (event.stage or "")
    local now = reaper.time_precise()
    if event and (mark ~= said or event.event == "interrupted") then
      heard, said = now, mark
      local handler = HANDLERS[event.event]
      if handler then handler(self, event, link) end
    elseif now - heard > ASK_S and now - asked > ASK_S then
      asked = now
      link:send("status", { job = self.name })
    end
    if now - heard > AWAY_S and not link:alive() then
      self.stage = "the bridge does not answer; start it to go on"
    end
    if not self:ended() then loop.wait(function() return self.cancel_asked and not self.cancel_sent end, POLL_S) end
  end
end

return Job
