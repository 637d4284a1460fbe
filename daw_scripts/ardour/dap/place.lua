-- Stems onto new tracks right below the source track of each region, as a group; those of further answers below them, muted.
local alternatives = require("dap.alternatives")
local files = require("dap.files")
local json = require("dap.json")
local results = require("dap.results")
local sessions = require("dap.sessions")

local place = {}

-- What is to be placed: {name, path, channels, position, frames, clip, stem (its index), alternative (nil for the first)}, …;
-- `frames` is left out where only the file knows. A stem belongs to the region that its `input` counts, or to the job's only
-- one; else to none, and has no `clip`. Raises a sentence where something is not as the job asked for.
local function parts_of(manifest, folder, job)
  local first, length = job.clips[1], json.decode(job.request).length
  local parts = {}
  local function add(stem, alternative)
    local path = ARDOUR.LuaAPI.build_filename(folder, stem.path)
    local clip = job.clips[stem.input or (#job.clips == 1 and 1)]
    if stem.input and not clip then error("The result is of other regions: " .. path, 0) end
    local part = {
      name = stem.name, path = path, channels = results.channels(path),
      position = (clip or first).position, clip = clip, stem = stem.index, alternative = alternative,
    }
    part.frames = clip and (length or clip.frames)
    if clip and part.channels ~= clip.channels or #job.clips == 1 and manifest.frames ~= part.frames then
      error("The stems are not of the region's length and channels: " .. path, 0)
    end
    parts[#parts + 1] = part
  end
  for _, stem in ipairs(manifest.stems) do add(stem) end
  for _, other in ipairs(alternatives.further(manifest)) do
    for _, stem in ipairs(other.stems) do add(stem, other.index) end
  end
  return parts
end

local function source_track(clip)
  local route = Session:route_by_id(PBD.ID(clip.track_id))
  return not route:isnil() and route or nil
end

-- Tracks that share a colour and a selection, and nothing that changes how they sound, but mute where there are other answers to
-- compare with: one click lets an answer be heard.
local function group(name, tracks, mute)
  local route_group = Session:new_route_group(name)
  route_group:set_gain(false)
  route_group:set_solo(false)
  route_group:set_recenable(false)
  route_group:set_monitoring(false)
  route_group:set_mute(mute)
  for _, track in ipairs(tracks) do route_group:add(track) end
end

-- What says that a new track is in no group: Ardour 9 has an empty one for that, which earlier versions cannot make.
local function no_group()
  local fine, none = pcall(function() return ARDOUR.RouteGroup() end)
  return fine and none or nil
end

local function new_track(name, channels, order)
  local created = Session:new_audio_track(channels, channels, no_group(), 1, name, order, ARDOUR.TrackMode.Normal, true, false)
  local step, list, before = created:iter()
  return step(list, before) or error("Ardour made no track.", 0)
end

-- The region that an import made; raises a sentence where it is not what was to be imported.
local function imported(track, part)
  for region in track:to_track():playlist():region_list():iter() do
    local whole = not part.frames or region:length():samples() == part.frames
    if whole and region:position():samples() == part.position then return region end
  end
  error("Ardour did not import " .. part.path, 0)
end

-- One step to undo, however many regions.
local function mute_sources(clips)
  local audible = {}
  for _, clip in ipairs(clips) do
    local region = ARDOUR.RegionFactory.region_by_id(PBD.ID(clip.id))
    if not region:isnil() and not region:muted() then audible[#audible + 1] = region end
  end
  if #audible == 0 then return end
  Session:begin_reversible_command("Mute what has stems")
  for _, region in ipairs(audible) do
    region:to_stateful():clear_changes()
    region:set_muted(true)
    Session:add_stateful_diff_command(region:to_statefuldestructible())
  end
  Session:commit_reversible_command(nil)
end

local function build(part, order)
  local track = new_track(part.name, part.channels, order)
  results.import(part.path, track:to_track(), Editing.ImportToTrack, part.position)
  local region = imported(track, part)
  part.region = region
  region:set_name(part.name)
  if part.clip and part.clip.heard then -- its fades are in the audio
    region:to_audioregion():set_fade_in_active(false)
    region:to_audioregion():set_fade_out_active(false)
  end
  return track
end

-- Tracks for `parts` below a region's track, and below the `taken` tracks that stand there already.
local function build_below(clip, parts, taken)
  local route = source_track(clip)
  local order = route and route:presentation_info_ptr():order() + 1 + taken
  local tracks = {}
  for index, part in ipairs(parts) do
    tracks[index] = build(part, order and order + index - 1 or ARDOUR.PresentationInfo.max_order)
  end
  return tracks
end

local function of_clip(parts, clip, alternative)
  local own = {}
  for _, part in ipairs(parts) do
    if part.clip == clip and part.alternative == alternative then own[#own + 1] = part end
  end
  return own
end

local function mute(tracks)
  for _, track in ipairs(tracks) do track:mute_control():set_value(1, PBD.GroupControlDisposition.NoGroup) end
end

-- Put the stems of a finished job in place: those of a region below its track, a sound that is no region's own below all of
-- these. Returns their number, and what the daemon warns of. Raises a sentence; nothing is changed then, unless Ardour fails in
-- the middle.
function place.stems(job, path)
  local manifest = results.manifest(path)
  local parts = parts_of(manifest, files.parent(path), job)
  local others = alternatives.further(manifest)
  local taken, groups = {}, {}
  local function build_answer(clip, alternative)
    local tracks = build_below(clip, of_clip(parts, clip, alternative and alternative.index), taken[clip.track_id] or 0)
    taken[clip.track_id] = (taken[clip.track_id] or 0) + #tracks
    local name = clip.name .. " stems"
    if alternative then
      mute(tracks)
      name = ("%s, %s"):format(name, alternative.what)
    end
    if #tracks > 1 then groups[#groups + 1] = { name = name, tracks = tracks } end
  end
  for _, clip in ipairs(job.clips) do
    build_answer(clip)
    for _, alternative in ipairs(others) do build_answer(clip, alternative) end
  end
  local last = job.clips[#job.clips]
  build_below(last, of_clip(parts, nil), taken[last.track_id])
  -- Only now: an import goes to all selected tracks, and a group is selected as one.
  for _, each in ipairs(groups) do group(each.name, each.tracks, #others > 0) end
  sessions.keep(parts, manifest, path)
  if job.mute == "yes" then mute_sources(job.clips) end
  return #parts, manifest.warnings or {}
end

return place
