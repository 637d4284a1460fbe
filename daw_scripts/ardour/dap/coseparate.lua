-- Several regions that share a sound, in one job: each becomes that sound in it and the rest of it, and the sound by itself
-- comes below the last.
local names = require("dap.names")
local options = require("dap.options")
local regions = require("dap.regions")
local submit = require("dap.submit")

local FEWEST = 2
local CHOICES = options.of("coseparate")

local function request(clips)
  local fields = { item = {}, channel = {}, labels = {}, label = "Shared sound" }
  for number, clip in ipairs(clips) do
    fields.item[number] = ("%d:%d:%d:"):format(clip.fields.start, clip.fields.frames, clip.fields.rate)
    fields.labels[number] = names.label(clip.name)
    for _, channel in ipairs(clip.fields.channel) do fields.channel[#fields.channel + 1] = ("%d:%s"):format(number, channel) end
  end
  return fields
end

local function gather()
  local clips, trouble = regions.at_least(FEWEST)
  if not clips then return nil, trouble end
  local label = names.label(("%s and %d more"):format(clips[1].name, #clips - 1))
  return { { clips = clips, label = label, fields = function() return request(clips) end } }
end

return function(asking) submit.run("coseparate", CHOICES, gather, asking) end
