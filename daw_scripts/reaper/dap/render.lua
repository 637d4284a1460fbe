-- Writing what is heard of a take as a float WAV, slice by slice so that the user interface never waits.
local loop = require("dap.loop")

local render = {}

local IEEE_FLOAT, BYTES = 3, 4
local RIFF_LIMIT = 2 ^ 32 - 2 ^ 16
-- Samples read and packed at once: a fraction of a millisecond's work.
local BLOCK = 512

local function header(rate, channels, frames)
  local size = frames * channels * BYTES
  local format = ("<I2I2I4I4I2I2"):pack(IEEE_FLOAT, channels, rate, rate * channels * BYTES, channels * BYTES, 8 * BYTES)
  return ("<c4I4c4 c4s4 c4I4"):pack("RIFF", 4 + 8 + #format + 8 + size, "WAVE", "fmt ", format, "data", size)
end

local function write_samples(file, clip, accessor, project, report)
  local block = math.max(1, BLOCK // clip.channels)
  local samples = reaper.new_array(block * clip.channels)
  local first = reaper.GetAudioAccessorStartTime(accessor)
  local done, slice = 0, reaper.time_precise()
  while done < clip.frames do
    local count = math.min(block, clip.frames - done)
    samples.clear()
    if reaper.GetAudioAccessorSamples(accessor, clip.rate, clip.channels, first + done / clip.rate, count, samples) < 0 then
      return nil, "REAPER could not read the item"
    end
    local values = samples.table(1, count * clip.channels)
    local written, reason = file:write(("<" .. ("f"):rep(#values)):pack(table.unpack(values)))
    if not written then return nil, reason end
    done = done + count
    if reaper.time_precise() - slice > loop.SLICE_S then
      if report(done / clip.frames) == "stop" then return nil, "cancelled" end
      loop.pause()
      if not reaper.ValidatePtr2(project, clip.take, "MediaItem_Take*") then return nil, "the item was deleted" end
      if reaper.AudioAccessorStateChanged(accessor) then return nil, "the item was changed while it was read" end
      slice = reaper.time_precise()
    end
  end
  return true
end

-- Write what is heard of a described item, before track effects, to `path`. Returns true, or nil and a sentence.
-- report(fraction) is called between slices and may return "stop".
function render.write(clip, project, path, report)
  if clip.frames * clip.channels * BYTES > RIFF_LIMIT then return nil, "the item is too long to be rendered" end
  local file, reason = io.open(path, "wb")
  if not file then return nil, reason end
  file:write(header(clip.rate, clip.channels, clip.frames))
  local accessor = reaper.CreateTakeAudioAccessor(clip.take)
  local fine, why = write_samples(file, clip, accessor, project, report)
  reaper.DestroyAudioAccessor(accessor)
  local closed, trouble = file:close()
  if fine and closed then return true end
  os.remove(path)
  return nil, why or trouble
end

return render
