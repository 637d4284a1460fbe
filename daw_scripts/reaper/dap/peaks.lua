-- Waveforms of new items, built a little at a time.
local loop = require("dap.loop")

local peaks = {}

local BEGIN, RUN, FINISH = 0, 1, 2

function peaks.build(sources)
  for _, source in ipairs(sources) do
    if reaper.PCM_Source_BuildPeaks(source, BEGIN) ~= 0 then
      while reaper.PCM_Source_BuildPeaks(source, RUN) ~= 0 do loop.pause() end
      reaper.PCM_Source_BuildPeaks(source, FINISH)
    end
  end
  reaper.UpdateArrange()
end

return peaks
