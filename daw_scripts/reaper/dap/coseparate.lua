-- Several items that share a sound, in one job: every item becomes a folder of that sound in it and the rest of it, and the
-- sound by itself comes below the last.
local action = require("dap.action")
local gather = require("dap.gather")
local names = require("dap.names")
local options = require("dap.options")

local coseparate = {}

local FEWEST = 2
local CHOICES = options.of("coseparate")

local function task(clips, wanted)
  return {
    verb = "coseparate",
    clips = clips,
    fields = function(stretches)
      local fields = options.put({ item = {}, labels = {}, label = "Shared sound" }, wanted)
      for number, stretch in ipairs(stretches) do
        fields.item[number] = ("%d:%d:%d:%s"):format(stretch.start, stretch.frames, stretch.rate, stretch.clip)
        fields.labels[number] = names.label(clips[number].name)
      end
      return fields
    end,
    title = ("%s and %d more"):format(clips[1].name, #clips - 1),
    import = "stems",
    undo_name = "Co-separate with DAP",
    options = wanted.options,
  }
end

-- Co-separate the selected items; with `asking`, the user is asked how.
function coseparate.run(asking)
  action.run(function(project)
    local clips, trouble = gather.clips(project, FEWEST)
    if not clips then return nil, trouble end
    local wanted = CHOICES:wanted(asking)
    return wanted and { task(clips, wanted) }
  end)
end

return coseparate
