-- What a finished job has left: its manifest, and its files.
local files = require("dap.files")
local json = require("dap.json")

local results = {}

-- Whether a JSON value is a manifest, as far as we use it.
local function usable(content)
  if type(content) ~= "table" or type(content.stems) ~= "table" then return false end
  if type(content.warnings or {}) ~= "table" then return false end
  for _, warning in ipairs(content.warnings or {}) do
    if type(warning) ~= "string" then return false end
  end
  for _, stem in ipairs(content.stems) do
    if type(stem) ~= "table" or type(stem.name) ~= "string" or type(stem.path) ~= "string" then return false end
  end
  return #content.stems > 0
end

-- The manifest at a path. Raises a sentence.
function results.manifest(path)
  local text = files.read(path)
  if not text then error("The result is not where it should be: " .. path, 0) end
  local fine, content = pcall(json.decode, text)
  if not fine or not usable(content) then error("The result cannot be read: " .. path, 0) end
  local rate = math.tointeger(Session:nominal_sample_rate())
  if content.rate ~= rate then
    error(("The stems have a rate of %s Hz, this session has %d Hz."):format(content.rate, rate), 0)
  end
  return content
end

-- How many channels a file has; raises a sentence where Ardour cannot read it.
function results.channels(path)
  local fine, readable = pcall(ARDOUR.Readable.load, Session, path)
  if not fine or readable:size() == 0 then error("Ardour cannot read " .. path, 0) end
  return readable:size()
end

-- mode: Editing.ImportToTrack, or ImportAsRegion, for which the track does not count.
function results.import(path, track, mode, position)
  local paths = C.StringVector()
  paths:push_back(path)
  Editor:do_import(paths, Editing.ImportDistinctFiles, mode, ARDOUR.SrcQuality.SrcBest,
    ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore, Temporal.timepos_t(position),
    ARDOUR.PluginInfo(), track, false)
end

return results
