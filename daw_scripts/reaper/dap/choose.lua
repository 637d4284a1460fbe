-- The answer that is heard of several, drawn in full: what comes back are new takes of its stems.
local action = require("dap.action")
local refine = require("dap.refine")
local selected = require("dap.selected")

local choose = {}

local function order(stem)
  local made = refine.order("choose", stem.known, stem.name, { alternative = stem.known.alternative })
  made.undo_name = "Redraw alternative with DAP"
  return made
end

-- One order an answer, whichever and however many of its stems are selected.
function choose.run()
  action.run(function(project)
    local stems, trouble = selected.undrawn(project)
    if not stems then return nil, trouble end
    local orders, seen = {}, {}
    for _, stem in ipairs(stems) do
      local answer = ("%d of %s"):format(stem.known.alternative, stem.known.session)
      if not seen[answer] then orders[#orders + 1] = order(stem) end
      seen[answer] = true
    end
    return orders
  end)
end

return choose
