-- Which separation a take is a stem of: the manifest that lies beside its file says so.
local files = require("dap.files")
local json = require("dap.json")

local sessions = {}

local function read(folder)
  local fine, content = pcall(json.decode, files.read(folder .. "/manifest.json") or "")
  local sound = fine and type(content) == "table" and type(content.stems) == "table" and type(content.session) == "string"
  return sound and content or nil
end

-- A reader that opens a manifest once. It takes a take, and gives {session, parent, verb, manifest (its path), stem (its
-- index), seconds (of the clip), nyquist (Hz)}, or nil where that is no stem of ours.
function sessions.reader()
  local manifests = {}
  return function(take)
    local source = not reaper.TakeIsMIDI(take) and reaper.GetMediaItemTake_Source(take)
    local file = source and reaper.GetMediaSourceFileName(source) or ""
    local folder, name = file:match("^(.*)[/\\]([^/\\]+)$")
    if not folder then return nil end
    if manifests[folder] == nil then manifests[folder] = read(folder) or false end
    for _, stem in ipairs(manifests[folder] and manifests[folder].stems or {}) do
      if stem.path == name then
        local manifest = manifests[folder]
        return {
          session = manifest.session, parent = manifest.parent, verb = manifest.verb,
          manifest = folder .. "/manifest.json", stem = stem.index,
          seconds = manifest.frames / manifest.rate, nyquist = manifest.rate / 2,
        }
      end
    end
    return nil
  end
end

return sessions
