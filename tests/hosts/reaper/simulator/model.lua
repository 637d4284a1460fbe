-- REAPER as the scripts see it: projects in tabs, tracks, items, takes, undo, and what may not be done to them.
local audio = require("audio")

local model = { faults = {}, projects = {}, front = nil, refresh = 0, undo_open = nil, live = {} }

local next_guid = 0

function model.fault(text)
  model.faults[#model.faults + 1] = text
  error(text, 3)
end

local function object(kind, fields)
  next_guid = next_guid + 1
  fields.kind = kind
  fields.guid = ("{%08X-0000-4000-8000-%012X}"):format(next_guid * 2654435761 & 0xFFFFFFFF, next_guid)
  model.live[fields] = true
  return fields
end

function model.project(filename, path)
  local project = object("ReaProject", { tracks = {}, ext = {}, undo = {}, filename = filename, path = path })
  table.insert(model.projects, project)
  model.front = model.front or project
  return project
end

function model.close(project)
  for index, one in ipairs(model.projects) do
    if one == project then table.remove(model.projects, index) end
  end
  model.live[project] = nil
  if model.front == project then model.front = model.projects[1] end
end

-- Close a project and open it again from what was saved: everything in it is a new object.
function model.reopen(project)
  local again = model.project(project.filename, project.path)
  model.restore(again, model.snapshot(project))
  for name, value in pairs(project.ext) do again.ext[name] = value end
  model.close(project)
  return again
end

function model.track(project, index, name)
  local track = object("MediaTrack", { project = project, items = {}, info = { I_FOLDERDEPTH = 0 }, text = { P_NAME = name or "" } })
  table.insert(project.tracks, index + 1, track)
  return track
end

local ITEM = {
  D_POSITION = 0, D_LENGTH = 0, B_LOOPSRC = 1, B_MUTE = 0, D_VOL = 1, D_FADEINLEN = 0.01, D_FADEOUTLEN = 0.01,
  D_FADEINLEN_AUTO = -1, D_FADEOUTLEN_AUTO = -1, C_FADEINSHAPE = 0, C_FADEOUTSHAPE = 0, D_FADEINDIR = 0, D_FADEOUTDIR = 0,
}
local TAKE = { D_STARTOFFS = 0, D_PLAYRATE = 1, D_PITCH = 0, I_CHANMODE = 0, D_VOL = 1, D_PAN = 0 }

local function copied(values)
  local copy = {}
  for key, value in pairs(values) do copy[key] = value end
  return copy
end

function model.item(track)
  local item = object("MediaItem", { project = track.project, track = track, takes = {}, active = 1, info = copied(ITEM), selected = false })
  table.insert(track.items, item)
  return item
end

function model.take(item)
  local take = object("MediaItem_Take", {
    project = item.project, item = item, info = copied(TAKE), name = "", markers = 0, edits = {},
  })
  table.insert(item.takes, take)
  return take
end

function model.source(path)
  local head = audio.header(path)
  if not head then return nil end
  return object("PCM_source", {
    file = path, type = "WAVE", rate = head.rate, channels = head.channels, length = head.frames / head.rate, peaks = "none",
  })
end

function model.section(parent, offset, length, reversed)
  return object("PCM_source", {
    file = "", type = "SECTION", rate = parent.rate, channels = parent.channels, length = length, parent = parent,
    section = { offset = offset, length = length, reversed = reversed }, peaks = "none",
  })
end

function model.accessor(take)
  return object("AudioAccessor", { take = take, changed = false })
end

function model.release(thing) model.live[thing] = nil end

function model.delete_track(track)
  local tracks = track.project.tracks
  for index, one in ipairs(tracks) do
    if one == track then table.remove(tracks, index) end
  end
  model.live[track] = nil
  for _, item in ipairs(track.items) do
    model.live[item] = nil
    for _, take in ipairs(item.takes) do model.live[take] = nil end
  end
end

-- A handle as a script passes it: of that kind, and still there.
function model.expect(value, kind)
  if kind == "ReaProject" and (value == nil or value == 0) then return model.front end
  if type(value) ~= "table" or value.kind ~= kind then model.fault(("%s expected, got %s"):format(kind, tostring(value))) end
  if not model.live[value] then model.fault(("a %s that is gone was used: REAPER would crash"):format(kind)) end
  return value
end

-- A change to `project`: inside an undo block of that project, or it cannot be taken back in one step.
function model.change(project)
  if model.undo_open ~= project then model.fault("changed a project outside of its own undo block") end
end

local function snapshot_item(item)
  local takes = {}
  for index, take in ipairs(item.takes) do
    takes[index] = { name = take.name, info = copied(take.info), source = take.source, markers = take.markers, guid = take.guid }
    takes[index].edits = take.edits
  end
  return { guid = item.guid, info = copied(item.info), selected = item.selected, takes = takes, active = item.active }
end

-- What undo keeps of a project.
function model.snapshot(project)
  local tracks = {}
  for index, track in ipairs(project.tracks) do
    local items = {}
    for number, item in ipairs(track.items) do items[number] = snapshot_item(item) end
    tracks[index] = { guid = track.guid, info = copied(track.info), text = copied(track.text), items = items }
  end
  return tracks
end

function model.restore(project, tracks)
  while #project.tracks > 0 do model.delete_track(project.tracks[1]) end
  for index, kept in ipairs(tracks) do
    local track = model.track(project, index - 1)
    track.guid, track.info, track.text = kept.guid, copied(kept.info), copied(kept.text)
    for _, kept_item in ipairs(kept.items) do
      local item = model.item(track)
      item.guid, item.info, item.selected = kept_item.guid, copied(kept_item.info), kept_item.selected
      item.active = kept_item.active
      for _, kept_take in ipairs(kept_item.takes) do
        local take = model.take(item)
        take.guid, take.name, take.info = kept_take.guid, kept_take.name, copied(kept_take.info)
        take.source, take.markers, take.edits = kept_take.source, kept_take.markers, kept_take.edits
      end
    end
  end
end

-- Ctrl+Z.
function model.undo(project)
  local step = table.remove(project.undo)
  model.restore(project, step.before)
  return step.name
end

return model
