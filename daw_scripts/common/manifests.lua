-- What a finished job has left: its manifest.
local alternatives = require("dap.alternatives")
local files = require("dap.files")
local json = require("dap.json")

local manifests = {}

local function all(list, test)
  if type(list) ~= "table" then return false end
  for _, entry in ipairs(list) do
    if not test(entry) then return false end
  end
  return true
end

local function is_text(value) return type(value) == "string" end

local function is_stem(value) return type(value) == "table" and is_text(value.name) and is_text(value.path) end

local function is_alternative(value)
  return type(value) == "table" and math.type(value.index) and is_text(value.what) and all(value.stems, is_stem)
end

-- What the manifest at a path says, or nil where there is none, or none that we can use.
function manifests.read(path)
  local fine, content = pcall(json.decode, files.read(path) or "")
  local usable = fine and type(content) == "table" and all(content.stems, is_stem) and all(content.warnings or {}, is_text)
    and all(content.alternatives or {}, is_alternative)
  return usable and #content.stems > 0 and content or nil
end

-- A reader of the manifests that can be corrected; it opens each once. Gives nil for others.
function manifests.reader()
  local known = {}
  return function(path)
    if known[path] == nil then
      local content = manifests.read(path)
      local sound = content and is_text(content.session) and math.type(content.frames) and math.type(content.rate)
      known[path] = sound and content or false
    end
    return known[path] or nil
  end
end

-- What is known of a stem of such a manifest: {session, parent (what it corrects), verb, manifest (its path), stem (its index),
-- alternative (which answer it is of: only the first is drawn in full), seconds (of the clip), nyquist (Hz)}.
function manifests.about(content, path, stem, alternative)
  return {
    -- Another answer corrects nothing: there is nothing to take back.
    session = content.session, parent = content.verb ~= "choose" and content.parent or nil, verb = content.verb,
    manifest = path, stem = stem, alternative = alternative and alternative.index or alternatives.FIRST,
    seconds = content.frames / content.rate, nyquist = content.rate / 2,
  }
end

return manifests
