-- Several clips that share a sound, in one job.
local names = require("dap.names")

local shared_sound = {}

shared_sound.FEWEST = 2

-- What the job is called.
function shared_sound.title(clips) return ("%s and %d more"):format(clips[1].name, #clips - 1) end

-- The request: clips have their names, `stretches` start, frames and rate, with the audio's path as `clip` or its channels, each
-- as INDEX:PATH, as `channel`.
function shared_sound.fields(clips, stretches)
  local fields, apart = { item = {}, labels = {}, label = "Shared sound" }, {}
  for number, stretch in ipairs(stretches) do
    fields.item[number] = ("%d:%d:%d:%s"):format(stretch.start, stretch.frames, stretch.rate, stretch.clip or "")
    fields.labels[number] = names.label(clips[number].name)
    for _, channel in ipairs(stretch.channel or {}) do apart[#apart + 1] = ("%d:%s"):format(number, channel) end
  end
  fields.channel = #apart > 0 and apart or nil
  return fields
end

return shared_sound
