-- Which separation a take is a stem of: the manifest that lies beside its file says so.
local alternatives = require("dap.alternatives")
local manifests = require("dap.manifests")

local sessions = {}

-- Where the manifest of a file may lie, and how it would name the file: beside it, or beside the folder of a further answer.
local function places(file)
  local folder, name = file:match("^(.*)[/\\]([^/\\]+)$")
  if not folder then return {} end
  local above, own = folder:match("^(.*)[/\\](alternative%-%d+)$")
  return { { folder, name }, above and { above, own .. "/" .. name } }
end

-- A reader that opens a manifest once. It takes a take, and gives what manifests.lua knows of the stem, or nil where that is
-- no stem of ours.
function sessions.reader()
  local read = manifests.reader()
  return function(take)
    local source = not reaper.TakeIsMIDI(take) and reaper.GetMediaItemTake_Source(take)
    local file = source and reaper.GetMediaSourceFileName(source) or ""
    for _, place in ipairs(places(file)) do
      local path = place[1] .. "/manifest.json"
      local manifest = read(path)
      local stem, alternative = nil, nil
      if manifest then stem, alternative = alternatives.find(manifest, place[2]) end
      if stem then return manifests.about(manifest, path, stem.index, alternative) end
    end
    return nil
  end
end

return sessions
