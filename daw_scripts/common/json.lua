-- JSON, as much of it as requests and manifests need.
local json = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local UNESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function quoted(text)
  return '"' .. text:gsub('[%c"\\\127]', function(c) return ESCAPES[c] or ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function written(value)
  if type(value) == "string" then return quoted(value) end
  if type(value) ~= "table" then return tostring(value) end
  local entries = {}
  for index, entry in ipairs(value) do entries[index] = written(entry) end
  return "[" .. table.concat(entries, ", ") .. "]"
end

-- One flat object: strings, numbers, booleans and lists of these by name, in the order of their names.
function json.encode(object)
  local names = {}
  for name in pairs(object) do names[#names + 1] = name end
  table.sort(names)
  local members = {}
  for index, name in ipairs(names) do
    members[index] = quoted(name) .. ": " .. written(object[name])
  end
  return "{" .. table.concat(members, ", ") .. "}"
end

local decode_value

local function skip(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

local function bad(text, at) error(("not JSON at character %d of %d"):format(at, #text), 0) end

local function decode_string(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = text:find('["\\]', from) or bad(text, at)
    parts[#parts + 1] = text:sub(from, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local kind = text:sub(stop + 1, stop + 1)
    if kind == "u" then
      local code = tonumber(text:match("^%x%x%x%x", stop + 2) or bad(text, stop), 16)
      from = stop + 6
      local low = code >= 0xD800 and code < 0xDC00 and text:match("^\\u([dD][c-fC-F]%x%x)", from)
      if low then
        code = 0x10000 + (code - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
        from = from + 6
      end
      parts[#parts + 1] = utf8.char(code)
    else
      parts[#parts + 1] = UNESCAPES[kind] or kind
      from = stop + 2
    end
  end
end

-- What stands between `at` and `closing`, with commas between: `read_one` reads each and tells where it ended.
local function decode_list(text, at, closing, read_one)
  at = skip(text, at + 1)
  if text:sub(at, at) == closing then return at + 1 end
  while true do
    at = skip(text, read_one(at))
    local sign = text:sub(at, at)
    if sign == closing then return at + 1 end
    if sign ~= "," then bad(text, at) end
    at = skip(text, at + 1)
  end
end

local function decode_object(text, at)
  local object = {}
  return object, decode_list(text, at, "}", function(from)
    if text:sub(from, from) ~= '"' then bad(text, from) end
    local name, colon = decode_string(text, from)
    colon = skip(text, colon)
    if text:sub(colon, colon) ~= ":" then bad(text, colon) end
    local after
    object[name], after = decode_value(text, skip(text, colon + 1))
    return after
  end)
end

local function decode_array(text, at)
  local array = {}
  return array, decode_list(text, at, "]", function(from)
    local after
    array[#array + 1], after = decode_value(text, from)
    return after
  end)
end

local READERS = { ['"'] = decode_string, ["{"] = decode_object, ["["] = decode_array }
local WORDS = { ["true"] = { true }, ["false"] = { false }, ["null"] = {} }

function decode_value(text, at)
  local reader = READERS[text:sub(at, at)]
  if reader then return reader(text, at) end
  local token = text:match("^[%w.+-]+", at) or bad(text, at)
  local word = WORDS[token]
  if word then return word[1], at + #token end
  return tonumber(token) or bad(text, at), at + #token
end

-- The value of a JSON text; null is nil. Raises a sentence.
function json.decode(text)
  return (decode_value(text, skip(text, 1)))
end

return json
