-- Waveforms of new items, built a little at a time.
local loop = require("dap.loop")

local peaks = {}

local BEGIN, RUN, FINISH = 0, 1, 2

-- stems: with their media.
function peaks.build(stems)
  for _, stem in ipairs(stems) do
    if reaper.PCM_Source_BuildPeaks(stem.media, BEGIN) ~= 0 then
      while reaper.PCM_Source_BuildPeaks(stem.media, RUN) ~= 0 do loop.pause() end
      reaper.PCM_Source_BuildPeaks(stem.media, FINISH)
    end
  end
  reaper.UpdateArrange()
end

return peaks
