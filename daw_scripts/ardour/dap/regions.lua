-- The selected regions, as a job needs to know them. Positions and lengths are samples at the session's rate.
local files = require("dap.files")
local sentences = require("dap.sentences")

local regions = {}

-- A fade no longer than this is the one Ardour puts on every region against clicks.
local CLICK_SAMPLES = 64
local TICKS_PER_SECOND = 282240000
local SNAPSHOT = "dap-bridge-snapshot"

local function identity(object) return object:to_stateful():id():to_s() end

-- The session as Ardour would write it. Fades and gain curves can be read nowhere else.
local function snapshot()
  Session:save_state(SNAPSHOT, true, false, false, false, false)
  local path = ARDOUR.LuaAPI.build_filename(Session:path(), SNAPSHOT .. ".pending")
  local text = files.read(path)
  os.remove(path)
  return text
end

-- Longest fade of a region, in samples. `text` is the region's element.
local function longest_fade(text)
  local longest = 0
  for _, name in ipairs({ "FadeIn", "FadeOut" }) do
    local events = text:match("<" .. name .. ">.-<events>(.-)</events>") or ""
    for ticks in events:gmatch("a(%d+) ") do longest = math.max(longest, tonumber(ticks)) end
  end
  return longest * Session:nominal_sample_rate() / TICKS_PER_SECOND
end

local function element(state, id)
  for head, tail in state:gmatch("(<Region [^>]*[^/]>)(.-)</Region>") do
    if head:find(' id="' .. id .. '"', 1, true) then return head .. tail end
  end
  return ""
end

-- Whether what is heard of the region is what stands in its files.
local function neutral(region, state)
  if region:scale_amplitude() ~= 1 then return false end
  if region:envelope_active() then
    for event in region:envelope():events():iter() do
      if event.value ~= 1 then return false end
    end
  end
  return longest_fade(element(state, identity(region))) <= CLICK_SAMPLES + 0.5
end

-- Where a source's file lies; Ardour may know it by a path relative to where it was started.
local function absolute(path)
  if files.is_absolute(path) then return path end
  return ARDOUR.LuaAPI.build_filename(Session:path(), path:match("interchange[/\\].*$") or path)
end

-- The files that hold a region's channels, as the protocol names them; nil where a channel has no file.
local function channels(region)
  local found = {}
  for index = 0, region:n_channels() - 1 do
    local source = region:source(index):to_filesource()
    if source:isnil() then return nil end
    found[index + 1] = ("%d:%s"):format(source:channel(), absolute(source:path()))
  end
  return found
end

-- What is heard of a region and nothing else, as a new file of the session: gain, envelope and fades included.
local function bounced(region, track, name)
  local first, length = region:position():samples(), region:length():samples()
  local silenced = {}
  local own = identity(region)
  local muted = region:muted()
  for other in track:playlist():region_list():iter() do
    if identity(other) ~= own and not other:muted() then
      other:set_muted(true)
      silenced[#silenced + 1] = other
    end
  end
  region:set_muted(false)
  local fine, bounce = pcall(function()
    -- The last one counts from Ardour 8.4 on: whether the track's name goes before this.
    return track:bounce_range(first, first + length, ARDOUR.InterThreadInfo(), ARDOUR.LuaAPI.nil_proc(), false,
      name .. " as heard", false)
  end)
  region:set_muted(muted)
  for _, other in ipairs(silenced) do other:set_muted(false) end
  if not fine or bounce:isnil() then return nil end
  return bounce:to_audioregion()
end

-- The track whose playlist holds a region.
local function track_of(region)
  local id = identity(region)
  for route in Session:get_tracks():iter() do
    local track = route:to_track()
    if not track:isnil() then
      for other in track:playlist():region_list():iter() do
        if identity(other) == id then return track, route end
      end
    end
  end
  return nil
end

local function clip_of(region, track, route)
  return {
    id = identity(region), name = region:name(), region = region, track = track, track_id = identity(route),
    track_order = route:presentation_info_ptr():order(), position = region:position():samples(),
    frames = region:length():samples(), channels = region:n_channels(),
  }
end

local function earlier(a, b)
  if a.position ~= b.position then return a.position < b.position end
  return tonumber(a.id) < tonumber(b.id)
end

local function above(a, b)
  if a.track_order ~= b.track_order then return a.track_order < b.track_order end
  return earlier(a, b)
end

-- The selected audio regions: {id, name, region, track, track_id, track_order, position, frames, channels}, …; and the names of
-- those that are none.
local function selected()
  local found, refused = {}, {}
  for any in Editor:get_selection().regions:regionlist():iter() do
    local region = any:to_audioregion()
    local track, route = nil, nil
    if not region:isnil() then track, route = track_of(region) end
    if track then
      found[#found + 1] = clip_of(region, track, route)
    else
      refused[#refused + 1] = any:name()
    end
  end
  return found, refused
end

-- The selected audio regions, the first of them first; nil and a sentence where there are not so many.
function regions.at_least(fewest)
  local found, refused = selected()
  if #found < fewest then return nil, sentences.too_few(fewest, refused) end
  table.sort(found, earlier)
  return found
end

-- The selected audio regions, the uppermost of them first; nil and a sentence where trouble(found, refused) gives one.
function regions.from_the_top(trouble)
  local found, refused = selected()
  local why = trouble(found, refused)
  if why then return nil, why end
  table.sort(found, above)
  return found
end

-- The audio regions on a track that are heard anywhere between two positions, the first of them first.
local function all_within(track, route, start, stop)
  local found = {}
  for any in track:playlist():region_list():iter() do
    local region = any:to_audioregion()
    if not region:isnil() and not region:muted() then
      local clip = clip_of(region, track, route)
      if clip.position < stop and clip.position + clip.frames > start then found[#found + 1] = clip end
    end
  end
  table.sort(found, earlier)
  return found
end

-- For each track of the range selection, from the top, the regions that are heard within it; and where it starts and ends.
-- Nil where no range is selected.
local function by_track()
  local selection, routes, found = Editor:get_selection(), {}, {}
  local start, stop = selection.time:start_sample(), selection.time:end_sample()
  if stop <= start then return nil end
  for route in selection.tracks:routelist():iter() do routes[#routes + 1] = route end
  table.sort(routes, function(a, b) return a:presentation_info_ptr():order() < b:presentation_info_ptr():order() end)
  for _, route in ipairs(routes) do
    local track = route:to_track()
    if not track:isnil() then found[#found + 1] = all_within(track, route, start, stop) end
  end
  return found, start, stop
end

-- All regions that are heard within the range selection, and where it starts and ends. Nil where no range is selected.
function regions.heard_in_range()
  local tracks, start, stop = by_track()
  if not tracks then return nil end
  local found = {}
  for _, list in ipairs(tracks) do table.move(list, 1, #list, #found + 1, found) end
  return found, start, stop
end

-- On each track of the range selection the region that the range begins in, or else comes to first; and where the range
-- starts and ends. Nil where no range is selected.
function regions.in_range()
  local tracks, start, stop = by_track()
  if not tracks then return nil end
  local found = {}
  for _, list in ipairs(tracks) do found[#found + 1] = list[1] end
  return found, start, stop
end

-- What names the audio of regions to the daemon; sets `fields` of each ({channel, start, frames, rate}) and `heard`
-- where gain or fades are part of it. Leaves `fields` out where a region cannot be read.
function regions.prepare(found)
  local state = snapshot() or ""
  for _, clip in ipairs(found) do
    local region = clip.region
    local start, list = region:start():samples(), channels(region)
    clip.heard = not (list and neutral(region, state))
    if clip.heard then
      local bounce = bounced(region, clip.track, clip.name)
      start, list = 0, bounce and channels(bounce)
    end
    if list then
      clip.fields = { channel = list, start = start, frames = clip.frames, rate = math.tointeger(Session:nominal_sample_rate()) }
    end
  end
end

return regions
