-- Stems onto new tracks right below the source track, as a group.
local files = require("dap.files")
local json = require("dap.json")

local place = {}

-- Whether a JSON value is a manifest, as far as we use it.
local function usable(content)
  if type(content) ~= "table" or type(content.stems) ~= "table" then return false end
  for _, stem in ipairs(content.stems) do
    if type(stem) ~= "table" or type(stem.name) ~= "string" or type(stem.path) ~= "string" then return false end
  end
  return #content.stems > 0
end

-- The manifest of a job, checked against what was asked. Raises a sentence.
local function manifest_of(path, job)
  local text = files.read(path)
  if not text then error("The result is not where it should be: " .. path, 0) end
  local fine, content = pcall(json.decode, text)
  if not fine or not usable(content) then error("The result cannot be read: " .. path, 0) end
  local rate = math.tointeger(Session:nominal_sample_rate())
  if content.rate ~= rate then
    error(("The stems have a rate of %s Hz, this session has %d Hz."):format(content.rate, rate), 0)
  end
  if content.frames ~= job.frames or content.channels ~= job.channels then
    error("The stems are not of the region's length and channels: " .. path, 0)
  end
  return content
end

-- Name and path of every stem; raises a sentence where Ardour cannot read one.
local function stems_of(manifest, folder, job)
  local stems = {}
  for index, stem in ipairs(manifest.stems) do
    local path = ARDOUR.LuaAPI.build_filename(folder, stem.path)
    local fine, readable = pcall(ARDOUR.Readable.load, Session, path)
    if not fine or readable:size() ~= job.channels then error("Ardour cannot read " .. path, 0) end
    stems[index] = { name = stem.name, path = path }
  end
  return stems
end

local function source_track(job)
  local route = Session:route_by_id(PBD.ID(job.track_id))
  return not route:isnil() and route or nil
end

-- Tracks that share a colour and a selection, and nothing that changes how they sound.
local function group(name, tracks)
  local made = Session:new_route_group(name)
  for _, set in ipairs({ "set_gain", "set_mute", "set_solo", "set_recenable", "set_monitoring" }) do made[set](made, false) end
  for _, track in ipairs(tracks) do made:add(track) end
end

local function new_track(name, channels, order)
  local made = Session:new_audio_track(channels, channels, nil, 1, name, order, ARDOUR.TrackMode.Normal, true)
  local step, list, before = made:iter()
  return step(list, before) or error("Ardour made no track.", 0)
end

local function import(path, track, position)
  local paths = C.StringVector()
  paths:push_back(path)
  Editor:do_import(paths, Editing.ImportDistinctFiles, Editing.ImportToTrack, ARDOUR.SrcQuality.SrcBest,
    ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore, Temporal.timepos_t(position),
    ARDOUR.PluginInfo(), track, false)
end

-- The region that an import made; raises a sentence where it is not what was to be imported.
local function imported(track, stem, job)
  for region in track:to_track():playlist():region_list():iter() do
    if region:position():samples() == job.position and region:length():samples() == job.frames then return region end
  end
  error("Ardour did not import " .. stem.path, 0)
end

local function mute_source(job)
  local region = ARDOUR.RegionFactory.region_by_id(PBD.ID(job.region_id))
  if region:isnil() or region:muted() then return end
  Session:begin_reversible_command("Mute " .. region:name())
  region:to_stateful():clear_changes()
  region:set_muted(true)
  Session:add_stateful_diff_command(region:to_statefuldestructible())
  Session:commit_reversible_command(nil)
end

-- Put the stems of a finished job in place. Raises a sentence; nothing is changed then, unless Ardour fails in the middle.
function place.stems(job, path)
  local stems = stems_of(manifest_of(path, job), files.parent(path), job)
  local source = source_track(job)
  local order = source and source:presentation_info_ptr():order() + 1 or ARDOUR.PresentationInfo.max_order
  local tracks = {}
  for index, stem in ipairs(stems) do
    local track = new_track(stem.name, job.channels, source and order + index - 1 or order)
    tracks[index] = track
    import(stem.path, track:to_track(), job.position)
    local region = imported(track, stem, job)
    region:set_name(stem.name)
    if job.heard == "yes" then -- its fades are in the audio
      region:to_audioregion():set_fade_in_active(false)
      region:to_audioregion():set_fade_out_active(false)
    end
  end
  group(job.label .. " stems", tracks) -- only now: an import goes to all selected tracks, and a group is selected as one
  if job.mute == "yes" then mute_source(job) end
  return #stems
end

return place
