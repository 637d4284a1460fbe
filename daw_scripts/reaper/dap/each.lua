-- Verbs that take one item: the selected items are a job each, and every item becomes a folder of stems.
local action = require("dap.action")
local gather = require("dap.gather")
local names = require("dap.names")
local options = require("dap.options")

local each = {}

-- An order about the first of `clips`; known(stretches): fields of its own, see job.lua.
function each.order(verb, undo_name, clips, wanted, known)
  local name = clips[1].name
  return {
    verb = verb,
    clips = clips,
    fields = function(stretches)
      local fields = options.put(stretches[1], wanted)
      fields.label = names.label(name)
      for field, value in pairs(known(stretches)) do fields[field] = value end
      return fields
    end,
    title = name,
    import = "stems",
    undo_name = undo_name,
    options = wanted.options,
  }
end

local function nothing() return {} end

-- The clips that something is known of, and what that is, as lists; nil and a sentence where there are none.
local function all_known(clips, about)
  local found, known, trouble = {}, {}, nil
  for _, clip in ipairs(clips) do
    local fields, why = about(clip)
    if fields then found[#found + 1], known[#known + 1] = clip, fields end
    trouble = why or trouble
  end
  if #found == 0 then return nil, trouble end
  return found, known
end

-- The action of a verb: run(asking) asks for its options, or takes what was asked for last. about(project), where it is given,
-- makes a function(clip) of fields beyond these, or of nil and a sentence for a clip that is left out.
function each.of(verb, undo_name, about)
  local choices = options.of(verb)
  local function run(asking)
    action.run(function(project)
      local clips, trouble = gather.clips(project, 1)
      if not clips then return nil, trouble end
      local known
      clips, known = all_known(clips, about and about(project) or nothing)
      if not clips then return nil, known end
      local wanted = choices:wanted(asking)
      if not wanted then return nil end
      local orders = {}
      for index, clip in ipairs(clips) do
        orders[index] = each.order(verb, undo_name, { clip }, wanted, function() return known[index] end)
      end
      return orders
    end)
  end
  return { run = run }
end

return each
