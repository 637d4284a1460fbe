-- How refined stems come into the session: as a new region on top of every region that holds a stem of that separation. Those
-- of before stay below it, muted, to compare with.
local files = require("dap.files")
local places = require("dap.places")
local results = require("dap.results")
local sessions = require("dap.sessions")

local revise = {}

-- The regions that Ardour knows, by identity.
local function known_regions()
  local found = {}
  for _, region in ARDOUR.RegionFactory.regions():iter() do found[region:to_stateful():id():to_s()] = region end
  return found
end

-- The region of a whole file, on no track. Raises a sentence.
local function imported(path, channels, frames)
  local before = known_regions()
  results.import(path, ARDOUR.Track(), Editing.ImportAsRegion, 0)
  for id, region in pairs(known_regions()) do
    local made = not before[id] and region:to_audioregion()
    if made and not made:isnil() and made:n_channels() == channels and made:length():samples() == frames then return made end
  end
  error("Ardour did not import " .. path, 0)
end

-- As much of a file as the region `old` has, sounding as loud.
local function like(whole, old, name)
  local made = ARDOUR.RegionFactory.clone_region(whole, true, false):to_audioregion()
  made:set_length(old:length())
  made:set_start(old:start())
  made:set_name(name)
  made:set_scale_amplitude(old:scale_amplitude())
  made:set_fade_in_active(old:fade_in_active())
  made:set_fade_out_active(old:fade_out_active())
  made:set_muted(old:muted())
  return made
end

-- The stem of a manifest that stands at a place, with its path and number of channels.
local function stem_at(place, manifest, folder)
  for _, stem in ipairs(manifest.stems) do
    if stem.index == place.stem then
      stem.file = ARDOUR.LuaAPI.build_filename(folder, stem.path)
      stem.channels = stem.channels or results.channels(stem.file)
      return stem
    end
  end
  error("The result has no such stem.", 0)
end

-- What is to be heard at each place of a family. A region of the result that is there already is not added again.
local function steps_of(standing, manifest, folder)
  local steps = {}
  for index, place in ipairs(standing) do
    local stem, there = stem_at(place, manifest, folder), places.of_session(place, manifest.session)
    if not there and stem.channels ~= places.current(place).region:n_channels() then
      error("The stems are not of the regions' channels: " .. stem.file, 0)
    end
    steps[index] = { place = place, stem = stem, region = there }
  end
  return steps
end

-- Put the stems of the manifest at `path` where those of this family stand. Returns their number, and what the daemon warns of.
-- Raises a sentence; nothing is changed then.
function revise.stems(family, path)
  local manifest = results.manifest(path)
  local standing = places.of(family)
  if #standing == 0 then error("No region of this session holds a stem of that separation any more.", 0) end
  local steps, imports = steps_of(standing, manifest, files.parent(path)), {}
  for _, step in ipairs(steps) do
    local stem = step.stem
    if not step.region and not stem.whole then
      stem.whole = imported(stem.file, stem.channels, manifest.frames)
      imports[#imports + 1] = { region = stem.whole, stem = stem.index }
    end
  end
  sessions.keep(imports, manifest, path, family)
  for _, step in ipairs(steps) do
    step.new = not step.region
    step.region = step.region or like(step.stem.whole, places.current(step.place).region, step.stem.name)
  end
  places.hear("Refine with DAP", steps)
  return #steps, manifest.warnings or {}
end

return revise
