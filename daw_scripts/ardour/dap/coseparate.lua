-- Several regions that share a sound, in one job: each becomes that sound in it and the rest of it, and the sound by itself
-- comes below the last.
local names = require("dap.names")
local options = require("dap.options")
local regions = require("dap.regions")
local shared_sound = require("dap.shared_sound")
local submit = require("dap.submit")

local CHOICES = options.of("coseparate")

local function request(clips)
  local stretches = {}
  for number, clip in ipairs(clips) do stretches[number] = clip.fields end
  return shared_sound.fields(clips, stretches)
end

local function gather()
  local clips, trouble = regions.at_least(shared_sound.FEWEST)
  if not clips then return nil, trouble end
  local label = names.label(shared_sound.title(clips))
  return { { clips = clips, label = label, fields = function() return request(clips) end } }
end

return function(asking) submit.run("coseparate", CHOICES, gather, asking) end
