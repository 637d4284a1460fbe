-- What a verb may be asked for, remembered between uses in a file beside this library.
local constants = require("dap.constants")
local files = require("dap.files")
local lines = require("dap.lines")
local message = require("dap.message")
local settings = require("dap.settings")

local options = {}
options.__index = options

local PRESET = "^[%w_.-]+$"
local YES_OR_NO = { yes = true, no = false }
local TITLES = {
  sources = "Sounds", preset = "Preset (see `dap-bridge presets`)", seed = "Seed", device = "Device",
  strength = "How much of the noise to take out", swap = "The other one of the two is the speech",
  variation = "Variation", variations = "Results", carry = "Correct all of a long clip",
}

local function path() return settings.folder .. "options.tsv" end

local function number_within(text, field)
  local number = tonumber(text)
  if field.type == "integer" then number = math.tointeger(number) end
  return number and number >= field.low and number <= field.high and number or nil
end

local function checkbox(default)
  return { default = default, row = { type = "checkbox" }, read = function(text) return YES_OR_NO[text] end }
end

local function dropdown(field)
  local values = {}
  for _, value in ipairs(field.one_of) do values[value] = value end
  return { default = field.default, row = { type = "dropdown", values = values }, read = function(text) return values[text] end }
end

local function number(field)
  local whole = field.type == "integer"
  local row = { type = "number", min = field.low, max = field.high, step = whole and 1 or 0.05, digits = whole and 0 or 2 }
  return { default = field.default, row = row, read = function(text) return number_within(text, field) end }
end

-- How a field of a verb is asked for: the row of a dialog, the default, and a reader of text (nil where it cannot be meant).
local function question(verb, name)
  local field = constants.fields[verb][name]
  local asked
  if field.type == "boolean" then
    asked = checkbox(field.default)
  elseif field.one_of then
    asked = dropdown(field)
  elseif name == "seed" then -- too large for a spin button
    asked = { default = field.default, row = { type = "entry" }, read = function(text) return number_within(text, field) end }
  elseif field.type == "string" then
    asked = { default = field.default, row = { type = "entry" }, read = function(text) return text:match(PRESET) end }
  else
    asked = number(field)
  end
  asked.name, asked.key, asked.row.key, asked.row.title = name, verb .. "." .. name, name, TITLES[name]
  return asked
end

-- What is ours to decide, and not the bridge's.
local function mute()
  local asked = checkbox(true)
  asked.name, asked.key, asked.row.key, asked.row.title = "mute", "mute", "mute", "Mute the region once the result is there"
  return asked
end

-- A question of an action's own: {name, default, row, read}.
local function own(verb, asked)
  asked.key, asked.row.key = verb .. "." .. asked.name, asked.name
  return asked
end

-- The options of a verb: names of its fields, "mute", and questions of an action's own.
function options.of(verb, names)
  local questions = {}
  for index, name in ipairs(names) do
    questions[index] = type(name) == "table" and own(verb, name) or name == "mute" and mute() or question(verb, name)
  end
  return setmetatable({ questions = questions }, options)
end

-- By name: what the texts of this table mean; the default where one cannot be meant.
function options:read(texts)
  local values = {}
  for _, asked in ipairs(self.questions) do
    values[asked.name] = asked.read(texts[asked.key] or "")
    if values[asked.name] == nil then values[asked.name] = asked.default end
  end
  return values
end

local function text_of(value)
  if type(value) == "boolean" then return value and "yes" or "no" end
  return tostring(value)
end

local function stored() return lines.decode(files.read(path()) or "") end

-- Ask, and remember; nil where the user went back.
function options:ask()
  local texts, rows = stored(), {}
  local now = self:read(texts)
  for index, asked in ipairs(self.questions) do
    rows[index] = asked.row
    asked.row.default = asked.row.type == "entry" and tostring(now[asked.name]) or now[asked.name]
  end
  local answers = LuaDialog.Dialog(message.TITLE, rows):run()
  if not answers then return nil end
  for _, asked in ipairs(self.questions) do texts[asked.key] = text_of(answers[asked.name]) end
  local wanted = self:read(texts)
  for _, asked in ipairs(self.questions) do texts[asked.key] = text_of(wanted[asked.name]) end
  files.write(path(), lines.encode(texts))
  return wanted
end

-- What is wanted, by name: asked for with `asking` (nil where the user went back), or else as the user left it.
function options:wanted(asking)
  if asking then return self:ask() end
  return self:read(stored())
end

return options
