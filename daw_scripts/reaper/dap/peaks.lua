-- Waveforms of new items, built a little at a time.
local loop = require("dap.loop")

local peaks = {}

local BEGIN, RUN, FINISH = 0, 1, 2

-- made: results with their media.
function peaks.build(made)
  for _, result in ipairs(made) do
    if reaper.PCM_Source_BuildPeaks(result.media, BEGIN) ~= 0 then
      while reaper.PCM_Source_BuildPeaks(result.media, RUN) ~= 0 do loop.pause() end
      reaper.PCM_Source_BuildPeaks(result.media, FINISH)
    end
  end
  reaper.UpdateArrange()
end

return peaks
