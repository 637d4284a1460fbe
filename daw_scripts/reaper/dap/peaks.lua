-- Waveforms of new items, built a little at a time.
local alternatives = require("dap.alternatives")
local loop = require("dap.loop")

local peaks = {}

local BEGIN, RUN, FINISH = 0, 1, 2

-- made: a manifest whose stems have their media.
function peaks.build(made)
  for _, stem in ipairs(alternatives.stems(made)) do
    if reaper.PCM_Source_BuildPeaks(stem.media, BEGIN) ~= 0 then
      while reaper.PCM_Source_BuildPeaks(stem.media, RUN) ~= 0 do loop.pause() end
      reaper.PCM_Source_BuildPeaks(stem.media, FINISH)
    end
  end
  reaper.UpdateArrange()
end

return peaks
