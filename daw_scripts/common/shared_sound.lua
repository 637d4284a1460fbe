-- Several clips that share a sound, in one job.
local names = require("dap.names")
local stretches = require("dap.stretches")

local shared_sound = {}

shared_sound.FEWEST = 2

-- What the job is called.
function shared_sound.title(clips) return ("%s and %d more"):format(clips[1].name, #clips - 1) end

-- The request: clips have their names; list: what names their audio, see stretches.lua.
function shared_sound.fields(clips, list)
  local fields = { labels = {}, label = "Shared sound" }
  fields.item, fields.channel = stretches.named(list)
  for number in ipairs(list) do fields.labels[number] = names.label(clips[number].name) end
  return fields
end

return shared_sound
