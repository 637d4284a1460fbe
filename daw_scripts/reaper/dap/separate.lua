-- The selected items, a job each: every item becomes a folder of stems.
local action = require("dap.action")
local geometry = require("dap.geometry")
local message = require("dap.message")
local names = require("dap.names")
local options = require("dap.options")

local separate = {}

local OPTIONS = options.of("separate", { "preset", "sources", "seed", "device", "mute", "together" })

local function task(clip, wanted)
  return {
    verb = "separate",
    clips = { clip },
    fields = function(stretches)
      local fields = options.put(stretches[1], wanted)
      fields.label = names.label(clip.name)
      return fields
    end,
    title = clip.name,
    import = "stems",
    undo_name = "Separate with DAP",
    options = wanted.options,
  }
end

-- Separate the selected items of the project in front; with `asking`, the user is asked how.
function separate.run(asking)
  action.run(function(project)
    local clips, refused = geometry.selected(project)
    local left_out = #refused > 0 and "Left out: " .. table.concat(refused, ", ") .. "." or nil
    if #clips == 0 then
      return nil, "Select one or more audio items first." .. (left_out and "\n\n" .. left_out or "")
    end
    if left_out then message.tell(left_out) end
    local wanted = asking and OPTIONS:ask() or not asking and OPTIONS:remembered()
    if not wanted then return nil end
    local tasks = {}
    for index, clip in ipairs(clips) do tasks[index] = task(clip, wanted) end
    return tasks
  end)
end

return separate
