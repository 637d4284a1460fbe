-- The selected regions to the bridge, a job each.
local bridge = require("dap.bridge")
local jobs = require("dap.jobs")
local json = require("dap.json")
local marker = require("dap.marker")
local message = require("dap.message")
local names = require("dap.names")
local regions = require("dap.regions")

local submit = {}

local function nothing_to_do(refused)
  local reason = #refused > 0 and ("\n\nLeft out: " .. table.concat(refused, ", ") .. ".") or ""
  message.tell("Select one or more audio regions first." .. reason)
end

local function kept(clip, name, request, mute)
  return {
    name = name, label = request.label, region_id = clip.id, track_id = clip.track_id, position = clip.position,
    frames = clip.frames, channels = clip.channels, mute = mute, heard = clip.heard and "yes" or "no",
    request = json.encode(request),
  }
end

-- Send every selected region; ask() gives what is wanted, or nil to go back.
function submit.run(ask)
  local clips, refused = regions.selected()
  if #clips == 0 then return nothing_to_do(refused) end
  if not bridge.welcome() then return message.not_running() end
  local wanted = ask()
  if not wanted then return end
  regions.prepare(clips)
  local unread = {}
  for _, clip in ipairs(clips) do
    local request = clip.fields
    if request then
      request.job, request.label = names.job(clip.id), names.label(clip.name)
      request.out = ARDOUR.LuaAPI.build_filename(Session:path(), "dap-stems", request.job)
      for _, name in ipairs({ "preset", "sources", "seed", "device" }) do request[name] = wanted[name] end
      local job = kept(clip, request.job, request, wanted.mute)
      assert(jobs.keep(job))
      marker.show(job, "waiting")
      assert(bridge.send("separate", request))
    else
      unread[#unread + 1] = clip.name
    end
  end
  if #unread > 0 then message.complain("Ardour gave no audio for: " .. table.concat(unread, ", ") .. ".") end
end

return submit
