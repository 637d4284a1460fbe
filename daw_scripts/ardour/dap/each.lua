-- Verbs that take one region: the selected regions are a job each.
local names = require("dap.names")
local options = require("dap.options")
local regions = require("dap.regions")
local submit = require("dap.submit")

local each = {}

local function nothing() return {} end

-- An order about one region, which is named after it; known(asked): fields of its own, see submit.lua.
function each.order(clip, known)
  local label = names.label(clip.name)
  return {
    clips = { clip },
    label = label,
    fields = function(asked)
      local request = { label = label }
      for name, value in pairs(clip.fields) do request[name] = value end
      for name, value in pairs((known or nothing)(asked)) do request[name] = value end
      return request
    end,
  }
end

local function gather()
  local clips, trouble = regions.at_least(1)
  if not clips then return nil, trouble end
  local orders = {}
  for index, clip in ipairs(clips) do orders[index] = each.order(clip) end
  return orders
end

-- The action of a verb; it asks for its options, or takes what was asked for last.
function each.of(verb)
  local choices = options.of(verb)
  return function(asking) submit.run(verb, choices, gather, asking) end
end

return each
