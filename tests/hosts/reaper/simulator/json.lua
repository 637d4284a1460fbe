-- JSON of plain values, for what the simulator tells the tests.
local json = {}

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

function json.encode(value)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "number" then
    return math.type(value) == "integer" and tostring(value) or ("%.17g"):format(value)
  end
  if kind ~= "table" then return kind == "nil" and "null" or tostring(value) end
  local parts = {}
  if #value > 0 or next(value) == nil then
    for index, entry in ipairs(value) do parts[index] = json.encode(entry) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, entry in pairs(value) do parts[#parts + 1] = quoted(tostring(key)) .. ":" .. json.encode(entry) end
  return "{" .. table.concat(parts, ",") .. "}"
end

return json
