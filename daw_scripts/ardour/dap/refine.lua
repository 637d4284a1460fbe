-- A box on the mask of a stem: the range selection, and the frequencies that are asked for. It goes to the separation that
-- the stem comes from.
local bridge = require("dap.bridge")
local marked = require("dap.marked")
local message = require("dap.message")
local options = require("dap.options")
local submit = require("dap.submit")

local NO_RANGE = "Draw a range on the track of a stem first, with the range tool."
local NO_BAND = "The lowest frequency is not below the highest, or both lie above what the stem holds."
local HIGHEST_HZ, STEP_HZ = 20000, 10

local function within(low, high) return function(text)
  local number = tonumber(text)
  return number and number >= low and number <= high and number or nil
end end

local function number(name, title, default, highest, step, digits)
  return {
    name = name, default = default, read = within(0, highest),
    row = { type = "number", title = title, min = 0, max = highest, step = step, digits = digits },
  }
end

-- A range on one track of a group is a range on all of them: which stem is meant must be asked for.
local function dropdown(stems)
  local values = {}
  for index, stem in ipairs(stems) do values[("%d: %s"):format(index, stem.name)] = index end
  local labels = {}
  for label in pairs(values) do labels[label] = label end
  return {
    name = "stem", default = ("1: %s"):format(stems[1].name), read = function(text) return labels[text] end,
    row = { type = "dropdown", title = "Stem", values = labels },
  }, values
end

-- Nil where the user went back; else {stem, low, high, strength, carry}.
local function ask(stems)
  local nyquist = Session:nominal_sample_rate() / 2
  local which, indices = dropdown(stems)
  local questions = options.of("refine", {
    which,
    number("low", "Lowest frequency (Hz)", 0, nyquist, STEP_HZ, 0),
    number("high", "Highest frequency (Hz)", math.min(HIGHEST_HZ, nyquist), nyquist, STEP_HZ, 0),
    number("strength", "Strength (0 to 1)", 1, 1, 0.05, 2),
    "carry",
  })
  local wanted = questions:ask()
  if wanted then wanted.stem = stems[indices[wanted.stem]] end
  return wanted
end

-- The part of a range that lies within a stem, in seconds of the stem's file; nil where there is none.
local function seconds_of(stem, from, to)
  local start, stop = math.max(from, stem.position), math.min(to, stem.position + stem.frames)
  local offset, rate = stem.region:start():samples() - stem.position, Session:nominal_sample_rate()
  return math.max((start + offset) / rate, 0), math.min((stop + offset) / rate, stem.known.seconds)
end

-- As the protocol writes a box; nil where it is empty.
local function box_of(op, wanted, from, to)
  local known = wanted.stem.known
  local start, stop = seconds_of(wanted.stem, from, to)
  local high = math.min(wanted.high, known.nyquist)
  if start >= stop or wanted.low >= high then return nil end
  return ("stem=%d,op=%s,start=%.9g,end=%.9g,low=%.9g,high=%.9g,strength=%.9g")
    :format(known.stem, op, start, stop, wanted.low, high, wanted.strength)
end

-- op: "deactivate" takes what the box holds out of the stem, "activate" brings it in.
return function(op)
  local stems, from, to = marked.stems()
  if not from then return message.tell(NO_RANGE) end
  if #stems == 0 then return message.tell(marked.NONE) end
  if not bridge.welcome() then return message.not_running() end
  local wanted = ask(stems)
  if not wanted then return end
  local box = box_of(op, wanted, from, to)
  if not box then return message.tell(NO_BAND) end
  submit.revision("refine", wanted.stem, { box = { box }, carry = wanted.carry })
end
