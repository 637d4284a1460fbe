-- One sound is heard alone in the time selection: the first sound of items that are separated by that, or, of stems that stand
-- there already, the selected one, and their separation is corrected.
local action = require("dap.action")
local each = require("dap.each")
local message = require("dap.message")
local refine = require("dap.refine")
local selected = require("dap.selected")
local spans = require("dap.spans")
local time_selection = require("dap.time_selection")
local times = require("dap.times")

local alone = {}

local FIRST = 1
local separate = each.of("separate", "Separate with DAP", time_selection.alone(FIRST))

-- The time selection as the protocol writes it, in a list; empty where it does not touch the stem.
local function spans_of(project, stem)
  local start, stop = time_selection.over(project, stem.shape.position, stem.length)
  if start then
    start, stop = spans.within(times.in_file(stem.shape, times.PROJECT, start), times.in_file(stem.shape, times.PROJECT, stop),
      stem.known.seconds)
  end
  return start and { spans.text(stem.known.stem, start, stop) } or {}
end

local function correct(stems)
  action.run(function(project)
    local orders = refine.orders(stems, "only", refine.carries(), function(stem) return spans_of(project, stem) end)
    if #orders == 0 then return nil, time_selection.NONE end
    return orders
  end)
end

function alone.run()
  local stems, trouble = selected.stems(reaper.EnumProjects(-1))
  if stems then return correct(stems) end
  if trouble ~= selected.NONE then return message.tell(trouble) end
  separate.run(false)
end

return alone
