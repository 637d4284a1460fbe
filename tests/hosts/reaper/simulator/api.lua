-- The functions of `reaper` that the scripts use, on the model. Names and argument counts are checked before these.
local audio = require("audio")
local model = require("model")

local expect, change, fault = model.expect, model.change, model.fault
local api = {}

local function project_of(value) return expect(value, "ReaProject") end
local function track_of(value) return expect(value, "MediaTrack") end
local function item_of(value) return expect(value, "MediaItem") end
local function take_of(value) return expect(value, "MediaItem_Take") end
local function source_of(value) return expect(value, "PCM_source") end

local function known(values, name, what)
  if values[name] == nil then fault(("%s has no %s"):format(what, tostring(name))) end
  return values[name]
end

local function number(value)
  if type(value) ~= "number" then fault("a number was expected, got " .. tostring(value)) end
  return value
end

local function text(value)
  if type(value) ~= "string" then fault("a string was expected, got " .. tostring(value)) end
  return value
end

-- projects
function api.EnumProjects(index)
  local project = index == -1 and model.front or model.projects[index + 1]
  return project, project and project.filename or ""
end
function api.SelectProjectInstance(project) model.front = project_of(project) end
function api.GetProjectPathEx(project) return project_of(project).path end
function api.ValidatePtr2(_, pointer, kind)
  return type(pointer) == "table" and model.live[pointer] == true and pointer.kind .. "*" == kind
end
function api.SetProjExtState(project, section, key, value)
  if text(value):find("[%c\"'`]") then fault("a project file could not hold this value: " .. value) end
  project_of(project).ext[text(section) .. "\0" .. text(key)] = value ~= "" and value or nil
  return #value
end
function api.EnumProjExtState(project, section, index)
  local keys = {}
  for name in pairs(project_of(project).ext) do
    local key = name:match("^" .. section:gsub("%-", "%%-") .. "%z(.*)$")
    if key then keys[#keys + 1] = key end
  end
  table.sort(keys)
  local key = keys[index + 1]
  if not key then return false, "", "" end
  return true, key, project.ext[section .. "\0" .. key]:sub(1, 100) -- its buffer is small
end
function api.GetProjExtState(project, section, key)
  local value = project_of(project).ext[text(section) .. "\0" .. text(key)] or ""
  return value ~= "" and 1 or 0, value
end

-- tracks
function api.CountTracks(project) return #project_of(project).tracks end
function api.GetTrack(project, index) return project_of(project).tracks[number(index) + 1] end
function api.InsertTrackAtIndex(index)
  change(model.front)
  model.track(model.front, number(index))
end
function api.GetMediaTrackInfo_Value(track, name)
  if name == "IP_TRACKNUMBER" then
    for index, one in ipairs(track_of(track).project.tracks) do
      if one == track then return index + 0.0 end
    end
  end
  return known(track_of(track).info, name, "a track") + 0.0
end
function api.SetMediaTrackInfo_Value(track, name, value)
  known(track_of(track).info, name, "a track")
  change(track.project)
  track.info[name] = number(value)
  return true
end
function api.GetSetMediaTrackInfo_String(track, name, value, set)
  if name == "GUID" then return true, track_of(track).guid end
  if not name:match("^P_EXT:") then known(track_of(track).text, name, "a track") end
  if set then
    change(track_of(track).project)
    track.text[name] = text(value)
  end
  return true, track_of(track).text[name] or ""
end
function api.TrackList_AdjustWindows() end
function api.UpdateArrange() end

-- items and takes
local function items(project)
  local found = {}
  for _, track in ipairs(project_of(project).tracks) do
    for _, item in ipairs(track.items) do found[#found + 1] = item end
  end
  return found
end
local function selected(project)
  local found = {}
  for _, item in ipairs(items(project)) do
    if item.selected then found[#found + 1] = item end
  end
  return found
end
function api.CountMediaItems(project) return #items(project) end
function api.GetMediaItem(project, index) return items(project)[number(index) + 1] end
function api.CountSelectedMediaItems(project) return #selected(project) end
function api.GetSelectedMediaItem(project, index) return selected(project)[number(index) + 1] end
function api.GetActiveTake(item) return item_of(item).takes[item.active] end
function api.CountTakes(item) return #item_of(item).takes end
function api.GetTake(item, index) return item_of(item).takes[number(index) + 1] end
function api.SetActiveTake(take)
  change(take_of(take).project)
  for index, one in ipairs(take.item.takes) do
    if one == take then take.item.active = index end
  end
end
function api.GetMediaItem_Track(item) return item_of(item).track end
function api.GetMediaItemInfo_Value(item, name)
  if name == "I_CURTAKE" then return item_of(item).active - 1.0 end
  return known(item_of(item).info, name, "an item") + 0.0
end
function api.SetMediaItemInfo_Value(item, name, value)
  known(item_of(item).info, name, "an item")
  change(item.project)
  item.info[name] = number(value)
  return true
end
function api.GetSetMediaItemInfo_String(item, name, _, set)
  if name ~= "GUID" or set then fault("only an item's GUID is known here") end
  return true, item_of(item).guid
end
function api.AddMediaItemToTrack(track)
  change(track_of(track).project)
  return model.item(track)
end
function api.AddTakeToMediaItem(item)
  change(item_of(item).project)
  return model.take(item)
end
function api.TakeIsMIDI(take) return take_of(take).midi == true end
function api.GetTakeName(take) return take_of(take).name end
function api.GetTakeNumStretchMarkers(take) return take_of(take).markers end
function api.GetMediaItemTake_Source(take) return take_of(take).source end
-- Spectral edits of a take, {position, length, low, high, flags, points above as a list}, as REAPER 7.31 tells them; earlier
-- versions know no such names and say 0.
local function edit_value(take, name)
  if not api.tells_edits then return 0.0 end
  if name == "IP_SPECEDIT:CNT" then return #take.edits + 0.0 end
  local kind, index, field = name:match("^([DFI])_SPECEDIT:(%d+):(.+)$")
  local edit = index and take.edits[tonumber(index) + 1] or fault("there is no " .. name)
  local side, point = field:match("^(%u+FREQ)_FREQ:(%d+)$")
  local points = { TOPFREQ = edit.top or { edit.high }, BOTFREQ = { edit.low } }
  if side then return points[side][tonumber(point) + 1] or fault("there is no " .. name) end
  local counted = field:match("^(%u+FREQ)_CNT$")
  local values = { D = { POSITION = edit.position, LENGTH = edit.length }, I = { FLAGS = edit.flags or 0 }, F = {} }
  return (counted and kind == "I" and #points[counted] or values[kind][field] or fault("there is no " .. name)) + 0.0
end
function api.GetMediaItemTakeInfo_Value(take, name)
  if name:find("SPECEDIT") then return edit_value(take_of(take), name) end
  return known(take_of(take).info, name, "a take") + 0.0
end
function api.GetItemStateChunk(item)
  local written = { "<ITEM", "POSITION " .. item_of(item).info.D_POSITION }
  for index, take in ipairs(item.takes) do
    if index > 1 then written[#written + 1] = index == item.active and "TAKE SEL" or "TAKE" end
    written[#written + 1] = ('NAME "%s"'):format(take.name)
    written[#written + 1] = ('<SOURCE WAVE\nFILE "%s"\n<TAKE\nSPECTRAL_EDIT 9 9 9 9 9 9 9 9 0\n>\n>'):format(take.source.file)
    for _, edit in ipairs(take.edits) do
      written[#written + 1] = ("SPECTRAL_EDIT %.14f %.14f 0.5 0.01 100 %.14f %.14f -1 %d 0 0 0 1 1 1 0.01 100")
        :format(edit.position, edit.length, edit.low, edit.high, edit.flags or 0)
    end
  end
  written[#written + 1] = ">\n"
  return true, table.concat(written, "\n")
end
function api.GetSet_LoopTimeRange2(project, set)
  if set then fault("the user's time selection is not ours to change") end
  local range = project_of(project).range or { 0, 0 }
  return range[1] + 0.0, range[2] + 0.0
end
function api.SetMediaItemTakeInfo_Value(take, name, value)
  known(take_of(take).info, name, "a take")
  change(take.project)
  take.info[name] = number(value)
  return true
end
function api.GetSetMediaItemTakeInfo_String(take, name, value, set)
  if name ~= "P_NAME" then fault("a take has no " .. tostring(name)) end
  if set then
    change(take_of(take).project)
    take.name = text(value)
  end
  return true, take.name
end
function api.SetMediaItemTake_Source(take, source)
  change(take_of(take).project)
  take.source = source_of(source)
  return true
end

-- sources
function api.GetMediaSourceParent(source) return source_of(source).parent end
function api.GetMediaSourceFileName(source) return source_of(source).file end
function api.GetMediaSourceType(source) return source_of(source).type end
function api.GetMediaSourceSampleRate(source) return source_of(source).rate end
function api.GetMediaSourceNumChannels(source) return source_of(source).channels end
function api.GetMediaSourceLength(source) return source_of(source).length, false end
function api.PCM_Source_CreateFromFile(path) return model.source(text(path)) end
function api.PCM_Source_BuildPeaks(source, mode)
  source_of(source)
  if mode == 0 then
    source.peaks = 3
    return 1
  end
  if mode == 1 then
    source.peaks = math.max(0, source.peaks - 1)
    return source.peaks
  end
  if source.peaks ~= 0 then fault("peaks were finished before they were built") end
  source.peaks = "built"
  return 0
end

-- the sound of a take
function api.CreateTakeAudioAccessor(take) return model.accessor(take_of(take)) end
function api.DestroyAudioAccessor(accessor) model.release(expect(accessor, "AudioAccessor")) end
function api.GetAudioAccessorStartTime(accessor) return expect(accessor, "AudioAccessor") and 0.0 end
function api.AudioAccessorStateChanged(accessor) return expect(accessor, "AudioAccessor").changed end
function api.GetAudioAccessorSamples(accessor, rate, channels, start, count, samples)
  local take = take_of(expect(accessor, "AudioAccessor").take)
  if #samples < count * channels then fault("the array is too small for the samples asked for") end
  for frame = 0, count - 1 do
    for channel = 0, channels - 1 do
      samples[frame * channels + channel + 1] = audio.heard(take, start + frame / rate, channel)
    end
  end
  return 1
end
function api.new_array(size)
  local array = {}
  for index = 1, size do array[index] = 0.0 end
  local methods = {
    clear = function() for index = 1, size do array[index] = 0.0 end end,
    table = function(offset, count) return table.move(array, offset or 1, (offset or 1) + (count or size) - 1, 1, {}) end,
  }
  return setmetatable(array, { __index = methods })
end

-- undo and the interface
function api.Undo_BeginBlock2(project)
  if model.undo_open then fault("an undo block inside another") end
  model.undo_open = project_of(project)
  model.before = model.snapshot(model.undo_open)
end
function api.Undo_EndBlock2(project, name)
  if model.undo_open ~= project_of(project) then fault("an undo block ended that was not begun in this project") end
  table.insert(project.undo, { name = text(name), before = model.before })
  model.undo_open = nil
end
function api.PreventUIRefresh(by)
  model.refresh = model.refresh + number(by)
  if model.refresh < 0 then fault("PreventUIRefresh went below zero") end
end

return api
