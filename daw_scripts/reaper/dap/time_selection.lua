-- The time selection, as far as it lies over an item.
local spans = require("dap.spans")

local time_selection = {}

time_selection.NONE = "Make a time selection over the selected items first."

-- Where it begins and ends within an item that stands at `position` for `length` seconds, in seconds of the project; nil where
-- it does not touch it.
function time_selection.over(project, position, length)
  local from, to = reaper.GetSet_LoopTimeRange2(project, false, false, 0, 0, false)
  local start, stop = spans.within(from - position, to - position, length)
  if not start then return nil end
  return position + start, position + stop
end

-- For each.of: in the time selection nothing but this sound of a clip is heard.
function time_selection.alone(sound)
  return function(project)
    return function(clip)
      local start, stop = time_selection.over(project, clip.position, clip.length)
      if not start then return nil, time_selection.NONE end
      local before = clip.offset - clip.position
      return { only = { spans.text(sound, start + before, stop + before) } }
    end
  end
end

return time_selection
