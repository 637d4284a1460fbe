-- Where the stems of a separation stand, and which version of them is heard there: versions of a stem lie above each other, of
-- one position and length, and all but one of them are muted.
local sessions = require("dap.sessions")

local places = {}

local function key_of(route, region, known)
  local shape = { region:position():samples(), region:start():samples(), region:length():samples(), known.stem }
  return route:to_stateful():id():to_s() .. " " .. table.concat(shape, " ")
end

-- A list of {track, stem (its index), versions: a list of {region, known}}; `known`: see sessions.lua.
function places.of(family)
  local about, found, by_key = sessions.reader(), {}, {}
  local function add(route, track, region)
    local known = about(region)
    if not known or known.family ~= family then return end
    local key = key_of(route, region, known)
    if not by_key[key] then
      by_key[key] = { track = track, stem = known.stem, versions = {} }
      found[#found + 1] = by_key[key]
    end
    table.insert(by_key[key].versions, { region = region, known = known })
  end
  for route in Session:get_tracks():iter() do
    local track = route:to_track()
    for any in track:playlist():region_list():iter() do
      local region = any:to_audioregion()
      if not region:isnil() then add(route, track, region) end
    end
  end
  return found
end

-- The version that is heard, or else the uppermost.
function places.current(place)
  local best
  for _, version in ipairs(place.versions) do
    local region = version.region
    if not best or best.region:muted() and not region:muted()
      or best.region:muted() == region:muted() and region:layer() > best.region:layer() then
      best = version
    end
  end
  return best
end

-- The region of a session at a place, or nil.
function places.of_session(place, session)
  for _, version in ipairs(place.versions) do
    if version.known.session == session then return version.region end
  end
  return nil
end

local function identity(region) return region:to_stateful():id():to_s() end

local function set_muted(region, muted)
  if region:muted() == muted then return end
  region:to_stateful():clear_changes()
  region:set_muted(muted)
  Session:add_stateful_diff_command(region:to_statefuldestructible())
end

local function add(place, region)
  local playlist, position = place.track:playlist(), places.current(place).region:position()
  playlist:to_stateful():clear_changes()
  playlist:add_region(region, position, 1, false)
  playlist:raise_region_to_top(region)
  Session:add_stateful_diff_command(playlist:to_statefuldestructible())
end

local function let_hear(step)
  local silent = places.current(step.place).region:muted()
  if step.new then
    add(step.place, step.region)
  else
    set_muted(step.region, silent)
  end
  for _, version in ipairs(step.place.versions) do
    if identity(version.region) ~= identity(step.region) then set_muted(version.region, true) end
  end
end

-- At each of `steps` ({place, region}) let this region be what the current one was, heard or muted, and mute the others. A
-- region that is `new` is put on top of them first. One step to undo, with this name.
function places.hear(name, steps)
  Session:begin_reversible_command(name)
  local fine, why = pcall(function()
    for _, step in ipairs(steps) do let_hear(step) end
  end)
  if not fine then
    Session:abort_reversible_command() -- one that stays open would take in what comes after
    error(why, 0)
  end
  Session:commit_reversible_command(nil)
end

return places
