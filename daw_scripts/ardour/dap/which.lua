-- Which of several stems is meant: stems of a region are a group, and what is selected on one track is on all of them.
local options = require("dap.options")

local which = {}

-- Ask it, with the other questions about a correction that `names` has, or all; `changes`: see options.lua. Nil where the user
-- went back; else the stem, and what is wanted.
function which.ask(stems, changes, names)
  local labels, by_label = {}, {}
  for index, stem in ipairs(stems) do
    labels[index] = ("%d: %s"):format(index, stem.name)
    by_label[labels[index]] = stem
  end
  changes.stem = { one_of = labels, default = labels[1] }
  local wanted = options.of("refine", changes, names):wanted(true)
  if not wanted then return nil end
  return by_label[wanted.options.stem], wanted
end

return which
