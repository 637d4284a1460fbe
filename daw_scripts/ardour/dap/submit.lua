-- Regions to the daemon, as jobs.
local answers = require("dap.answers")
local daemon = require("dap.daemon")
local jobs = require("dap.jobs")
local json = require("dap.json")
local marker = require("dap.marker")
local message = require("dap.message")
local names = require("dap.names")
local options = require("dap.options")
local regions = require("dap.regions")

local submit = {}

local function send(verb, order, wanted)
  local request = options.put({}, wanted)
  for name, value in pairs(order.fields(request)) do request[name] = value end
  request.job = names.job(("%06x-%s"):format(ARDOUR.LuaAPI.monotonic_time() & 0xffffff, order.clips[1].id))
  request.out = ARDOUR.LuaAPI.build_filename(Session:path(), "dap-stems", request.job)
  local job = {
    name = request.job, verb = verb, label = order.label, clips = order.clips, request = json.encode(request),
    mute = wanted.options.mute, family = order.family,
  }
  assert(jobs.keep(job))
  marker.show(job, "waiting")
  assert(daemon.send(verb, request))
end

-- A job about the separation that a stem comes from (see selected.lua). Its manifest says all that is needed, should the
-- daemon have forgotten the session.
function submit.revision(verb, stem, fields)
  fields.session = stem.known.manifest
  send(verb, {
    clips = { stem }, label = names.label(stem.name), family = stem.known.family, fields = function() return fields end,
  }, { fields = {}, options = { mute = "yes" } })
end

-- The regions whose audio is needed for orders.
local function all_clips(orders)
  local all = {}
  for _, order in ipairs(orders) do
    for _, list in ipairs({ order.clips, order.examples }) do table.move(list, 1, #list, #all + 1, all) end
  end
  return all
end

-- The names of regions that Ardour gave no audio for.
local function unread(clips)
  local missing = {}
  for _, clip in ipairs(clips) do
    if not clip.fields then missing[#missing + 1] = clip.name end
  end
  return missing
end

-- One action, with a verb's `choices` (see options.lua): gather() gives a list of orders, or nil and a sentence that says why
-- there are none. An order is {clips, label, fields}, and may have `examples`, further regions that get no results. fields(asked)
-- is called when what names the audio of the regions is known, and gives the request but for what was asked for.
function submit.run(verb, choices, gather, asking)
  local orders, trouble = gather()
  if not orders then return message.tell(trouble) end
  if not answers.welcome() then return message.not_running() end
  local wanted = choices:wanted(asking)
  if not wanted then return end
  regions.prepare(all_clips(orders))
  local missing = {}
  for _, order in ipairs(orders) do
    local without = unread(all_clips({ order }))
    if #without == 0 then send(verb, order, wanted) end
    table.move(without, 1, #without, #missing + 1, missing)
  end
  if #missing > 0 then message.complain("Ardour gave no audio for: " .. table.concat(missing, ", ") .. ".") end
end

return submit
