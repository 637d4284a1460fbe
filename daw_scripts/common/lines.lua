-- `key<TAB>value` lines: what the daemon answers, and how jobs are kept in a project.
local lines = {}

local ESCAPES = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r" }
local UNESCAPES = { ["\\"] = "\\", t = "\t", n = "\n", r = "\r" }

-- One block of lines as a table of strings.
function lines.decode(text)
  local fields = {}
  for key, value in text:gmatch("([^\t\n]+)\t([^\n]*)") do
    fields[key] = value:gsub("\\(.)", UNESCAPES)
  end
  return fields
end

-- The last of the blocks of a status file, or nil where there is none yet.
function lines.last(text)
  local last
  for block in (text .. "\n"):gmatch("(.-\n)\n") do
    if block:find("\t") then last = block end
  end
  return last and lines.decode(last)
end

function lines.encode(fields)
  local parts = {}
  for key, value in pairs(fields) do
    parts[#parts + 1] = key .. "\t" .. tostring(value):gsub("[\\\t\n\r]", ESCAPES) .. "\n"
  end
  table.sort(parts)
  return table.concat(parts)
end

return lines
