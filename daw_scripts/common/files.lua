-- Small files, read and written whole.
local files = {}

-- Text of a file, or nil where it cannot be read.
function files.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

-- Put `text` at `path`, which nobody sees half written. Returns true, or nil and the reason.
function files.write(path, text)
  local file, reason = io.open(path .. ".tmp", "wb")
  if not file then return nil, reason end
  local written, why = file:write(text)
  local closed, trouble = file:close()
  if not (written and closed) then return nil, why or trouble end
  return os.rename(path .. ".tmp", path)
end

function files.is_absolute(path) return path:match("^[/\\]") ~= nil or path:match("^%a:") ~= nil end

-- The folder that a path lies in.
function files.parent(path) return path:match("^(.*)[/\\]") end

return files
