-- What both the window and the headless interpreter say of a session, as tables; and tables as JSON.
local function text_of(value)
  return '"' .. value:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

function encode(value)
  if type(value) == "string" then return text_of(value) end
  if type(value) ~= "table" then return tostring(value) end
  local parts = {}
  if value[1] ~= nil or next(value) == nil then
    for index, part in ipairs(value) do parts[index] = encode(part) end
    return "[" .. table.concat(parts, ", ") .. "]"
  end
  for key, part in pairs(value) do parts[#parts + 1] = text_of(tostring(key)) .. ": " .. encode(part) end
  return "{" .. table.concat(parts, ", ") .. "}"
end

function describe(region)
  local audio = region:to_audioregion()
  local channels = {}
  for index = 0, audio:n_channels() - 1 do
    local source = region:source(index):to_filesource()
    channels[index + 1] = { path = source:path(), channel = source:channel() }
  end
  return {
    name = region:name(), position = region:position():samples(), start = region:start():samples(),
    frames = region:length():samples(), muted = region:muted(), channels = channels, gain = audio:scale_amplitude(),
    layer = region:layer(), fade_in = audio:fade_in_active(), fade_out = audio:fade_out_active(),
  }
end

function tracks()
  local found = {}
  for route in Session:get_tracks():iter() do
    local regions = {}
    for region in route:to_track():playlist():region_list():iter() do regions[#regions + 1] = describe(region) end
    found[#found + 1] = {
      name = route:name(), order = route:presentation_info_ptr():order(), muted = route:muted(), regions = regions,
    }
  end
  table.sort(found, function(a, b) return a.order < b.order end)
  return found
end

function groups()
  local found = {}
  for group in Session:route_groups():iter() do
    local names = {}
    for route in group:route_list():iter() do names[#names + 1] = route:name() end
    found[#found + 1] = { name = group:name(), tracks = names, gain = group:is_gain(), mute = group:is_mute() }
  end
  return found
end

function markers()
  local found = {}
  for location in Session:locations():list():iter() do
    if location:is_range_marker() then found[#found + 1] = location:name() end
  end
  return found
end
