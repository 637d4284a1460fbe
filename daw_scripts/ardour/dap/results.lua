-- What a finished job has left: its manifest, checked against the session, and its files.
local files = require("dap.files")
local manifests = require("dap.manifests")

local results = {}

-- The manifest at a path. Raises a sentence.
function results.manifest(path)
  local content = manifests.read(path)
  if not content then
    error((files.read(path) and "The result cannot be read: " or "The result is not where it should be: ") .. path, 0)
  end
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
