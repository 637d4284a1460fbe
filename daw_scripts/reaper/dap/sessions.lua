-- Which separation a take is a stem of: the manifest that lies beside its file says so.
local manifests = require("dap.manifests")

local sessions = {}

-- A reader that opens a manifest once. It takes a take, and gives what manifests.lua knows of the stem, or nil where that is
-- no stem of ours.
function sessions.reader()
  local read = manifests.reader()
  return function(take)
    local source = not reaper.TakeIsMIDI(take) and reaper.GetMediaItemTake_Source(take)
    local file = source and reaper.GetMediaSourceFileName(source) or ""
    local folder, name = file:match("^(.*)[/\\]([^/\\]+)$")
    if not folder then return nil end
    local path = folder .. "/manifest.json"
    local manifest = read(path)
    for _, stem in ipairs(manifest and manifest.stems or {}) do
      if stem.path == name then return manifests.about(manifest, path, stem.index) end
    end
    return nil
  end
end

return sessions
