-- The first of the selected items becomes stems; of each further one, a sound of it is heard alone there.
local action = require("dap.action")
local each = require("dap.each")
local examples = require("dap.examples")
local gather = require("dap.gather")
local options = require("dap.options")

local like = {}

local CHOICES = options.of("separate")

function like.run()
  action.run(function(project)
    local clips, trouble = gather.all(project, examples.trouble)
    if not clips then return nil, trouble end
    local wanted = CHOICES:wanted(false)
    return { each.order("separate", "Separate with DAP", clips, wanted, function(stretches)
      return examples.fields(table.move(stretches, 2, #stretches, 1, {}), wanted.fields.sources)
    end) }
  end)
end

return like
