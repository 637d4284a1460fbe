-- OSC 1.0 messages, packed and unpacked as strings.
local osc = {}

local function padded(text) return text .. ("\0"):rep(4 - #text % 4) end

local function text_at(data, at)
  local stop = data:find("\0", at, true)
  if not stop then return nil end
  return data:sub(at, stop - 1), at + (stop - at) // 4 * 4 + 4
end

local function tagged(value)
  if type(value) == "boolean" then return value and "T" or "F", "" end
  if type(value) == "string" then return "s", padded(value) end
  if math.type(value) == "integer" then
    if value >= -2 ^ 31 and value < 2 ^ 31 then return "i", (">i4"):pack(value) end
    return "h", (">i8"):pack(value)
  end
  return "d", (">d"):pack(value)
end

-- address, and a list of strings, integers, floats and booleans -> one datagram
function osc.encode(address, arguments)
  local tags, parts = { "," }, {}
  for index, value in ipairs(arguments) do
    tags[index + 1], parts[index] = tagged(value)
  end
  return padded(address) .. padded(table.concat(tags)) .. table.concat(parts)
end

local FORMATS = { i = ">i4", h = ">i8", f = ">f", d = ">d" }

-- A datagram -> address and a list, or nil where it is no message of strings and numbers.
function osc.decode(data)
  local address, at = text_at(data, 1)
  local tags
  if address then tags, at = text_at(data, at) end
  if not tags or tags:sub(1, 1) ~= "," then return nil end
  local arguments = {}
  for tag in tags:sub(2):gmatch(".") do
    local value
    if tag == "s" then
      value, at = text_at(data, at)
      if not value then return nil end
    else
      local format = FORMATS[tag]
      if not format or at + format:packsize() - 1 > #data then return nil end
      value, at = format:unpack(data, at)
    end
    arguments[#arguments + 1] = value
  end
  return address, arguments
end

return osc
