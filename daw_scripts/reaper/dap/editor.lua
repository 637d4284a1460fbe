-- The mask editor in the browser, for the separation that a selected stem comes from.
local Job = require("dap.job")
local answers = require("dap.answers")
local folder = require("dap.folder")
local follow = require("dap.follow")
local loop = require("dap.loop")
local selected = require("dap.selected")
local message = require("dap.message")
local peaks = require("dap.peaks")
local sentences = require("dap.sentences")
local settings = require("dap.settings")

local editor = {}

local NO_WAIT, POLL_S = -1, 0.5

local function watch(job, session)
  job.stage = 'open in the browser; "Send to DAW" there brings the stems here'
  while not (job.cancel_asked or job.unwatched) and job:project_open() do
    local manifest = answers.chosen(session)
    if manifest then
      job.manifest, job.ready_at, job.state = manifest, reaper.time_precise(), "ready"
      while not job:ended() do loop.pause() end
      if job.state == "failed" then return end
      peaks.build(job.made)
      job.state, job.stage = "working", 'placed; "Send to DAW" brings another result'
    end
    loop.wait(function() return job.cancel_asked or job.unwatched end, POLL_S)
  end
  job.state, job.stage = "done", "done"
end

-- A job that is never sent: its results are those that the user chooses in the browser, as long as the window is open.
local function editing(project, stem)
  local session = stem.known.session
  local job = Job.new(project, {
    clips = {}, title = stem.name, import = "takes", undo_name = "Refine with DAP",
    options = { session = session, together = "no" },
  })
  job.run = function() watch(job, session) end
  return job
end

function editor.run()
  local project = reaper.EnumProjects(-1)
  local stems, trouble = selected.stems(project)
  if not stems then return message.tell(trouble) end
  local stem = stems[1]
  loop.start(function()
    local link = folder.open()
    local said = link:welcome()
    if not said then return message.tell(message.NOT_RUNNING) end
    if (said.editor or "") == "" then return message.tell(sentences.NO_EDITOR) end
    answers.discard_chosen(stem.known.session)
    local command = ('"%s" edit %s --spool "%s"'):format(settings.command, stem.known.session, settings.spool)
    reaper.ExecProcess(command, NO_WAIT)
    follow.run(link, { editing(project, stem) })
  end)
end

return editor
