-- Boxes on the masks of stems, sent to the separation that the stems come from; what comes back are new takes of its stems.
local action = require("dap.action")
local boxes = require("dap.boxes")
local selected = require("dap.selected")
local options = require("dap.options")
local spectral = require("dap.spectral")
local time_selection = require("dap.time_selection")
local times = require("dap.times")

local refine = {}

local NO_EDITS = "The selected stems have no spectral edits within them that are not bypassed.\n\n"
  .. "Show an item's spectral peaks, draw an edit on it, and run this again."
local NO_TIME = "Make a time selection over the selected stems first."

-- known: of a stem, see manifests.lua. Its manifest says all that is needed, should the daemon have forgotten the session.
function refine.order(verb, known, title, fields)
  fields.session = known.manifest
  return {
    verb = verb,
    clips = {},
    fields = function() return fields end,
    title = title,
    import = "takes",
    undo_name = "Refine with DAP",
    options = { session = known.session, together = "yes" },
  }
end

-- An order for each session of the stems: texts_of(stem) gives a list of what is wanted of the stem, as the protocol writes it
-- in the field `name`. carry: see the protocol.
function refine.orders(stems, name, carry, texts_of)
  local by_session, orders = {}, {}
  for _, stem in ipairs(stems) do
    for _, text in ipairs(texts_of(stem)) do
      local session = stem.known.session
      if not by_session[session] then
        by_session[session] = {}
        orders[#orders + 1] = refine.order("refine", stem.known, stem.name, { [name] = by_session[session], carry = carry })
      end
      table.insert(by_session[session], text)
    end
  end
  return orders
end

-- The same for boxes: boxes_of(stem) gives a list of them, in seconds of the stem's file.
local function orders_of(stems, op, strength, carry, boxes_of)
  return refine.orders(stems, "box", carry, function(stem)
    local texts = {}
    for _, box in ipairs(boxes_of(stem)) do
      local part = boxes.within(box, stem.known)
      if part then texts[#texts + 1] = boxes.text(part, stem.known.stem, op, strength) end
    end
    return texts
  end)
end

local CHOICES = options.of("refine")
local OPS = { out = "deactivate", ["in"] = "activate" }

-- Whether all of a long clip is corrected, as the user last answered.
function refine.carries() return CHOICES:wanted(false).fields.carry end

-- Refine by the spectral edits of the selected stems. op: "deactivate" takes what they hold out of the stem, "activate"
-- brings it in.
function refine.spectral_edits(op)
  action.run(function(project)
    local stems, trouble = selected.stems(project)
    if not stems then return nil, trouble end
    local orders = orders_of(stems, op, 1, refine.carries(), function(stem)
      return spectral.boxes(stem.item, stem.take, stem.shape)
    end)
    if #orders == 0 then return nil, NO_EDITS end
    return orders
  end)
end

-- Refine by the time selection and a range of frequencies that is asked for.
function refine.time_selection()
  action.run(function(project)
    local stems, trouble = selected.stems(project)
    if not stems then return nil, trouble end
    local function box_of(stem, low, high)
      local start, stop = time_selection.over(project, stem.shape.position, stem.length)
      if not start then return {} end
      return { {
        start = times.in_file(stem.shape, times.PROJECT, start), stop = times.in_file(stem.shape, times.PROJECT, stop),
        low = low, high = high,
      } }
    end
    if #orders_of(stems, "", 1, true, function(stem) return box_of(stem, 0, math.huge) end) == 0 then return nil, NO_TIME end
    local wanted = CHOICES:wanted(true)
    if not wanted then return nil end
    local asked = wanted.options
    local orders = orders_of(stems, OPS[asked.op], asked.strength, wanted.fields.carry, function(stem)
      return box_of(stem, asked.low, asked.high)
    end)
    if #orders == 0 then return nil, "The lowest frequency is not below the highest, or both lie above what the stems hold." end
    return orders
  end)
end

return refine
