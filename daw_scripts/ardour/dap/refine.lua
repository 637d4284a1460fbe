-- A box on the mask of a stem: the range selection, and the frequencies that are asked for. It goes to the separation that
-- the stem comes from.
local answers = require("dap.answers")
local boxes = require("dap.boxes")
local constants = require("dap.constants")
local selected = require("dap.selected")
local message = require("dap.message")
local options = require("dap.options")
local submit = require("dap.submit")
local which = require("dap.which")

local NO_RANGE = "Draw a range on the track of a stem first, with the range tool."
local NO_BAND = "The lowest frequency is not below the highest, or both lie above what the stem holds."

-- Nil where the user went back; else the stem that is meant, and what is wanted.
local function ask(stems)
  local nyquist = Session:nominal_sample_rate() / 2
  return which.ask(stems, {
    low = { high = nyquist },
    high = { high = nyquist, default = math.min(constants.fields.refine.high.default, nyquist) },
  })
end

-- The part of a range that lies within a stem, in seconds of the stem's file.
local function seconds_of(stem, from, to)
  local start, stop = math.max(from, stem.position), math.min(to, stem.position + stem.frames)
  local offset, rate = stem.region:start():samples() - stem.position, Session:nominal_sample_rate()
  return (start + offset) / rate, (stop + offset) / rate
end

-- op: "deactivate" takes what the box holds out of the stem, "activate" brings it in.
return function(op)
  local stems, trouble, from, to = selected.stems()
  if not from then return message.tell(NO_RANGE) end
  if #stems == 0 then return message.tell(trouble) end
  if not answers.welcome() then return message.not_running() end
  local stem, wanted = ask(stems)
  if not stem then return end
  local asked = wanted.options
  local start, stop = seconds_of(stem, from, to)
  local box = boxes.within({ start = start, stop = stop, low = asked.low, high = asked.high }, stem.known)
  if not box then return message.tell(NO_BAND) end
  local text = boxes.text(box, stem.known.stem, op, asked.strength)
  submit.revision("refine", stem, options.put({ box = { text } }, wanted))
end
