-- What the hook does at each turn of Ardour's timer: look at the jobs this session waits for, and place what is ready.
local answers = require("dap.answers")
local daemon = require("dap.daemon")
local jobs = require("dap.jobs")
local json = require("dap.json")
local marker = require("dap.marker")
local message = require("dap.message")
local place = require("dap.place")
local revise = require("dap.revise")
local sentences = require("dap.sentences")
local sessions = require("dap.sessions")

-- Between two polls, and after so much silence: ask again, give up. Microseconds of a monotonic clock.
local POLL, AGAIN, GIVE_UP = 300000, 1200000, 3600000

local busy, next_poll = false, 0
-- By the job's name: when it was first seen here and last asked for again, and whether its resumption was asked for.
local waits = {}

local function percent(event)
  local text = sentences.percent(event.fraction)
  local left = tonumber(event.seconds_left) or -1
  return left >= 0 and ("%s, %d s left"):format(text, math.ceil(left)) or text
end

local function finish(job)
  marker.remove(job)
  jobs.forget(job.name)
  waits[job.name] = nil
end

local function fail(job, text, hint)
  finish(job)
  message.complain(("%s: %s%s"):format(job.label, text, hint and hint ~= "" and "\n\n" .. hint or ""))
end

local handlers = {}

function handlers.accepted(job) marker.show(job, "queued") end

function handlers.queued(job, event) marker.show(job, sentences.waiting(event)) end

function handlers.progress(job, event) marker.show(job, percent(event)) end

local function put(job, manifest)
  if job.family then return revise.stems(job.family, manifest) end
  return place.stems(job, manifest)
end

local function report(label, count, warnings)
  message.log(("%s: %d stems placed."):format(label, count))
  if #warnings > 0 then message.warn(("%s: %s"):format(label, table.concat(warnings, "\n\n"))) end
end

function handlers.done(job, event)
  local where = "The stems lie beside " .. (event.manifest or "the manifest") .. "."
  if job.tried then return fail(job, "Ardour ended while it imported the stems; they are not tried again.", where) end
  jobs.note_try(job.name)
  marker.show(job, "importing")
  local fine, answer, warnings = pcall(put, job, event.manifest or "")
  if not fine then return fail(job, tostring(answer), where) end
  finish(job)
  report(job.label, answer, warnings)
end

function handlers.failed(job, event) fail(job, event.message or "failed", event.hint) end

function handlers.cancelled(job)
  finish(job)
  message.log(job.label .. ": cancelled.")
end

-- The daemon ended in mid-job and is back.
function handlers.interrupted(job, _, wait)
  marker.show(job, "starting again")
  if not wait.resumed and answers.welcome() then
    wait.resumed = true
    daemon.send("resume", { job = job.name })
  end
end

local function unanswered(job, wait, now)
  if now - wait.since > GIVE_UP then
    daemon.send("cancel", { job = job.name })
    local hint = "Is it busy or hung? Start it anew in a terminal, then try again:\n\n    " .. message.serve()
    return fail(job, "The daemon does not answer.", hint)
  end
  if now - wait.asked > AGAIN then
    wait.asked = now
    daemon.send(job.verb, json.decode(job.request))
  end
end

local function poll(job, now)
  local wait = waits[job.name] or { since = now, asked = now }
  waits[job.name] = wait
  local event = answers.event(job.name)
  if not event then return unanswered(job, wait, now) end
  if event.event ~= "interrupted" then wait.resumed = false end
  local handler = handlers[event.event]
  if handler then return handler(job, event, wait) end
  fail(job, "The daemon gave an answer that cannot be understood.", "Are the daemon and the scripts of one version? "
    .. "In a terminal:\n\n    dap-bridge install ardour")
end

-- What the user of the mask editor has sent to the DAW.
local function look_at_editor()
  for session, family in pairs(sessions.families()) do
    local manifest = answers.chosen(session)
    if manifest then
      local fine, answer, warnings = pcall(revise.stems, family, manifest)
      if fine then report("Mask editor", answer, warnings) else message.complain("Mask editor: " .. tostring(answer)) end
    end
  end
end

local function turn()
  local now = ARDOUR.LuaAPI.monotonic_time()
  if busy or now < next_poll or not Session then return end
  next_poll = now + POLL
  busy = true -- a box of ours, or an import, lets the timer go on
  local fine, trouble = pcall(function()
    for _, job in ipairs(jobs.all()) do
      local calm, why = pcall(poll, job, now)
      if not calm then fail(job, tostring(why), "Please report this.") end
    end
    look_at_editor()
  end)
  if not fine then message.log(tostring(trouble)) end
  busy = false
end

return function() return turn end
