-- Which separation a region is a stem of. Ardour imports copies of the stems, and names are the user's to change: so what was
-- imported from which manifest stands in a small file in the session's folder, by the number that Ardour keeps for a source.
local alternatives = require("dap.alternatives")
local files = require("dap.files")
local lines = require("dap.lines")
local manifests = require("dap.manifests")

local sessions = {}

local function path() return ARDOUR.LuaAPI.build_filename(Session:path(), "dap-bridge.stems") end

local function number_of(region) return region:source(0):to_stateful():id():to_s() end

-- What lies in the session's folder is kept by its path from there: the folder may be moved.
local function portable(manifest)
  local folder = Session:path():gsub("[/\\]+$", "")
  return manifest:sub(1, #folder) == folder and manifest:sub(#folder + 2) or manifest
end

local function absolute(manifest)
  if files.is_absolute(manifest) then return manifest end
  return ARDOUR.LuaAPI.build_filename(Session:path(), manifest)
end

local function stored() return lines.decode(files.read(path()) or "") end

local function entry(text)
  local stem, session, family, manifest = text:match("^(%d+) (%S+) (%S+) (.+)$")
  return stem and { stem = tonumber(stem), session = session, family = family, manifest = absolute(manifest) }
end

-- A further answer goes by a name of its own here: it stands on tracks of its own, and nothing else has drawn it yet.
local function name_of(session, alternative) return alternative and ("%s#%d"):format(session, alternative) or session end

local function alternative_of(name) return tonumber(name:match("#(%d+)$")) end

-- Remember what was imported: a list of {region, stem (its index), alternative (nil for the first)} of the manifest at `where`.
-- The stems of a separation and of all that was refined from it are a family, which has the name of that separation's session;
-- those of a further answer and of what was drawn of it are another.
function sessions.keep(imports, manifest, where, family)
  if type(manifest.session) ~= "string" then return end
  local all = stored()
  for _, import in ipairs(imports) do
    local session = name_of(manifest.session, import.alternative)
    if math.type(import.stem) then
      all[number_of(import.region)] = ("%d %s %s %s"):format(import.stem, session, family or session, portable(where))
    end
  end
  assert(files.write(path(), lines.encode(all)))
end

-- By the session: the family, for all whose stems were imported.
function sessions.families()
  local found = {}
  for _, text in pairs(stored()) do
    local known = entry(text)
    if known and not alternative_of(known.session) then found[known.session] = known.family end
  end
  return found
end

-- A reader that opens a manifest once. It takes an audio region, and gives what manifests.lua knows of the stem, and its
-- `family`; or nil where that is no stem of ours.
function sessions.reader()
  local all, read = stored(), manifests.reader()
  return function(region)
    local imported = entry(all[number_of(region)] or "")
    local manifest = imported and read(imported.manifest)
    if not manifest then return nil end
    local known = manifests.about(manifest, imported.manifest, imported.stem)
    known.session, known.family = imported.session, imported.family
    known.alternative = alternative_of(imported.session) or alternatives.FIRST
    return known
  end
end

return sessions
