-- An item and the stems of it that something else made, in one job: the item becomes a folder of these and of what they leave.
local action = require("dap.action")
local gather = require("dap.gather")
local names = require("dap.names")
local options = require("dap.options")
local sentences = require("dap.sentences")
local stretches = require("dap.stretches")

local adopt = {}

local CHOICES = options.of("adopt")
local FEWEST = 2
-- Seconds by which a stem may begin before or after its item: the daemon takes as much at its end.
local MOST_OFF_S = 0.1

local function fields_of(clips, list, wanted)
  local stems = { table.unpack(list, 2) }
  local fields = options.put(list[1], wanted)
  fields.stem, fields.stem_channel = stretches.named(stems)
  fields.labels = {}
  for number in ipairs(stems) do fields.labels[number] = names.label(clips[number + 1].name) end
  return fields
end

local function order(clips, wanted)
  return {
    verb = "adopt",
    clips = clips,
    fields = function(list) return fields_of(clips, list, wanted) end,
    title = clips[1].name,
    import = "adopted",
    undo_name = "Adopt stems with DAP",
    options = wanted.options,
  }
end

local function trouble(clips, refused)
  if #clips < FEWEST then
    return sentences.too_few(FEWEST, refused) .. "\n\nThe item on the topmost track is the whole, the others are its stems."
  end
  for number = 2, #clips do
    if math.abs(clips[number].position - clips[1].position) > MOST_OFF_S then
      return ("\"%s\" does not begin where \"%s\" does, which is on the topmost track and so taken for the whole."):format(
        clips[number].name, clips[1].name)
    end
  end
  return nil
end

-- Adopt the selected items as stems of the topmost; with `asking`, the user is asked how.
function adopt.run(asking)
  action.run(function(project)
    local clips, why = gather.all(project, trouble)
    if not clips then return nil, why end
    local wanted = CHOICES:wanted(asking)
    return wanted and { order(clips, wanted) }
  end)
end

return adopt
