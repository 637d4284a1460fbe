-- Verbs that take one item: the selected items are a job each, and every item becomes a folder of stems.
local action = require("dap.action")
local gather = require("dap.gather")
local names = require("dap.names")
local options = require("dap.options")

local each = {}

local function order(verb, undo_name, clip, wanted)
  return {
    verb = verb,
    clips = { clip },
    fields = function(stretches)
      local fields = options.put(stretches[1], wanted)
      fields.label = names.label(clip.name)
      return fields
    end,
    title = clip.name,
    import = "stems",
    undo_name = undo_name,
    options = wanted.options,
  }
end

-- The action of a verb: run(asking) asks for its options, or takes what was asked for last.
function each.of(verb, undo_name)
  local choices = options.of(verb)
  local function run(asking)
    action.run(function(project)
      local clips, trouble = gather.clips(project, 1)
      if not clips then return nil, trouble end
      local wanted = choices:wanted(asking)
      if not wanted then return nil end
      local orders = {}
      for index, clip in ipairs(clips) do orders[index] = order(verb, undo_name, clip, wanted) end
      return orders
    end)
  end
  return { run = run }
end

return each
