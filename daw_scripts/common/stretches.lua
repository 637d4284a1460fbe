-- Several clips in one request, as the protocol names each: START:FRAMES:RATE:PATH, and NUMBER:INDEX:PATH for every channel of
-- one whose channels lie in several files.
local stretches = {}

-- list: of each clip start, frames and rate, with the audio's path as `clip`, or its channels, each as INDEX:PATH, as `channel`.
-- Returns the texts of the clips, after `before(number)` where that is given, and those of channels: nil where there are none.
function stretches.named(list, before)
  local clips, apart = {}, {}
  for number, stretch in ipairs(list) do
    local text = ("%d:%d:%d:%s"):format(stretch.start, stretch.frames, stretch.rate, stretch.clip or "")
    clips[number] = (before and before(number) or "") .. text
    for _, channel in ipairs(stretch.channel or {}) do apart[#apart + 1] = ("%d:%s"):format(number, channel) end
  end
  return clips, #apart > 0 and apart or nil
end

return stretches
