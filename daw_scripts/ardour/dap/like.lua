-- The uppermost of the selected regions becomes its sounds; of each further one, a sound of it is heard alone there.
local each = require("dap.each")
local examples = require("dap.examples")
local options = require("dap.options")
local regions = require("dap.regions")
local submit = require("dap.submit")

local CHOICES = options.of("separate")

local function gather()
  local clips, trouble = regions.from_the_top(examples.trouble)
  if not clips then return nil, trouble end
  local further = table.move(clips, 2, #clips, 1, {})
  local order = each.order(clips[1], function(asked)
    local list = {}
    for number, clip in ipairs(further) do list[number] = clip.fields end
    return examples.fields(list, asked.sources)
  end)
  order.examples = further
  return { order }
end

return function() submit.run("separate", CHOICES, gather, false) end
