-- More of a texture than was recorded: on to the end of the time selection, around in a loop, or into the gap between items.
local action = require("dap.action")
local gather = require("dap.gather")
local names = require("dap.names")
local options = require("dap.options")

local texture = {}

local CHOICES = options.of("texture")
local NO_END = "Make a time selection that ends after the selected item: so far it is extended."
local NO_GAP = "There is no gap between the selected items: select two or more with silence between them."

-- Seconds to the last bit: an order's options are text.
local function exact(seconds) return ("%.17g"):format(seconds) end

-- An order about `clips`, the first of which the result goes on from. extra(stretches): fields of this mode.
local function order(clips, wanted, mode, extra, put)
  local name = clips[1].name
  return {
    verb = "texture",
    clips = clips,
    fields = function(stretches)
      local fields = options.put(stretches[1], wanted)
      fields.mode, fields.label = mode, names.label(name)
      for key, value in pairs(extra(stretches)) do fields[key] = value end
      return fields
    end,
    title = ("%s - %s"):format(name, mode),
    import = "sounds",
    undo_name = "Texture with DAP",
    options = put,
  }
end

-- Gather clips, see what is to be made of them, ask where that is wished for, make orders.
local function run(fewest, asking, plan)
  action.run(function(project)
    local clips, trouble = gather.clips(project, fewest)
    if not clips then return nil, trouble end
    local make
    make, trouble = plan(project, clips)
    if not make then return nil, trouble end
    local wanted = CHOICES:wanted(asking)
    return wanted and make(wanted)
  end)
end

local function extended(clip, stop)
  local length = stop - clip.position
  return function(wanted)
    local frames = math.max(1, math.ceil((clip.offset + length) * clip.rate - 1e-4))
    return order({ clip }, wanted, "extend", function() return { length = frames } end, {
      position = exact(clip.position), length = exact(length), offset = exact(clip.offset),
      loop = "no", fades = "yes", mute = "yes", together = "yes",
    })
  end
end

-- Every selected item goes on to the end of the time selection; it is muted, for the new one starts with it.
function texture.extend(asking)
  run(1, asking, function(project, clips)
    local _, stop = reaper.GetSet_LoopTimeRange2(project, false, false, 0, 0, false)
    local makers = {}
    for _, clip in ipairs(clips) do
      if stop > clip.position + clip.length then makers[#makers + 1] = extended(clip, stop) end
    end
    if #makers == 0 then return nil, NO_END end
    return function(wanted)
      local orders = {}
      for index, make in ipairs(makers) do orders[index] = make(wanted) end
      return orders
    end
  end)
end

local function looped(clip, wanted)
  local frames = math.max(1, math.floor(clip.length * clip.rate + 0.5))
  return order({ clip }, wanted, "loop", function() return { length = frames } end, {
    position = exact(clip.position), length = exact(frames / clip.rate), offset = "0",
    loop = "yes", fades = "no", mute = "yes", together = "yes",
  })
end

-- Every selected item becomes a loop as long as it is, whose end meets its start.
function texture.loop(asking)
  run(1, asking, function(_, clips)
    return function(wanted)
      local orders = {}
      for index, clip in ipairs(clips) do orders[index] = looped(clip, wanted) end
      return orders
    end
  end)
end

local function filled(before, after, wanted)
  local start = before.position + before.length
  local length = after.position - start
  return order({ before, after }, wanted, "fill", function(stretches)
    return {
      length = math.max(1, math.floor(length * before.rate + 0.5)),
      after = stretches[2].clip, after_start = stretches[2].start, after_frames = stretches[2].frames,
    }
  end, {
    position = exact(start), length = exact(length), offset = "0",
    loop = "no", fades = "no", mute = "no", together = "yes",
  })
end

-- Every gap between two of the selected items that follow each other is filled.
function texture.fill(asking)
  run(2, asking, function(_, clips)
    table.sort(clips, function(a, b) return a.position < b.position end)
    local gaps = {}
    for index = 2, #clips do
      local before, after = clips[index - 1], clips[index]
      if after.position > before.position + before.length then gaps[#gaps + 1] = { before, after } end
    end
    if #gaps == 0 then return nil, NO_GAP end
    return function(wanted)
      local orders = {}
      for index, gap in ipairs(gaps) do orders[index] = filled(gap[1], gap[2], wanted) end
      return orders
    end
  end)
end

return texture
