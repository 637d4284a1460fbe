-- Several items that share a sound, in one job: every item becomes a folder of that sound in it and the rest of it, and the
-- sound by itself comes below the last.
local action = require("dap.action")
local gather = require("dap.gather")
local options = require("dap.options")
local shared_sound = require("dap.shared_sound")

local coseparate = {}

local CHOICES = options.of("coseparate")

local function order(clips, wanted)
  return {
    verb = "coseparate",
    clips = clips,
    fields = function(stretches) return options.put(shared_sound.fields(clips, stretches), wanted) end,
    title = shared_sound.title(clips),
    import = "stems",
    undo_name = "Co-separate with DAP",
    options = wanted.options,
  }
end

-- Co-separate the selected items; with `asking`, the user is asked how.
function coseparate.run(asking)
  action.run(function(project)
    local clips, trouble = gather.clips(project, shared_sound.FEWEST)
    if not clips then return nil, trouble end
    local wanted = CHOICES:wanted(asking)
    return wanted and { order(clips, wanted) }
  end)
end

return coseparate
