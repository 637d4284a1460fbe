-- What a verb may be asked for, and what a person answers. What is asked stands in constants.lua; how it is asked and where
-- answers are kept is the host's: its module `dialog` has
--   ask(questions, texts)   the user's answers, for whom these are there already; nil where the user went back
--   stored(key)             the answer that was remembered, or nil
--   remember(texts)         keep these answers, beside others
-- Answers are texts by the questions' keys.
local constants = require("dap.constants")
local dialog = require("dap.dialog")
local host = require("dap.host")

local options = {}
options.__index = options

local PRESET = "^[%w_.-]+$"
local YES_OR_NO = { yes = true, no = false }

local function one_of(text, allowed)
  for _, value in ipairs(allowed) do
    if text == value then return value end
  end
  return nil
end

local function number_within(text, asked)
  local number = tonumber(text)
  if asked.type == "integer" then number = math.tointeger(number) end
  return number and number >= asked.low and number <= (asked.high or math.maxinteger) and number or nil
end

-- What a text means, or nil where it cannot be meant.
local function meaning(asked, text)
  if asked.one_of then return one_of(text, asked.one_of) end
  if asked.type == "boolean" then return YES_OR_NO[text] end
  if asked.type == "string" then return text:match(PRESET) end
  return number_within(text, asked)
end

local function text_of(value)
  if type(value) == "boolean" then return value and "yes" or "no" end
  return tostring(value)
end

-- A question: what constants.lua knows of it, with `changes`; its name, its key among the remembered ones, whether it is about
-- `placing` results, and read(text) and write(value).
local function question(verb, name, changes)
  local placing = constants.placing[name]
  local asked = { name = name, key = placing and name or ("%s.%s"):format(verb, name), placing = placing ~= nil }
  for _, known in ipairs({ placing or constants.fields[verb][name], changes or {} }) do
    for key, value in pairs(known) do asked[key] = value end
  end
  asked.read, asked.write = function(text) return meaning(asked, text) end, text_of
  return asked
end

-- The options of a verb. `changes`: by a question's name, what is known of it only now; `names`: of the questions, if not all.
function options.of(verb, changes, names)
  local questions = {}
  for index, name in ipairs(names or constants.asks[host.NAME][verb]) do
    questions[index] = question(verb, name, changes and changes[name])
  end
  return setmetatable({ questions = questions }, options)
end

-- Answers to all questions: text(key) as far as that can be meant, defaults for the rest.
local function answers(questions, text)
  local texts = {}
  for _, asked in ipairs(questions) do
    local found = text(asked.key)
    texts[asked.key] = found and asked.read(found) ~= nil and found or text_of(asked.default)
  end
  return texts
end

-- What is wanted: asked for with `asking` (nil where the user went back), or else as the user left it; defaults at first.
-- Returns {fields, options}: what goes to the daemon, and what does not. What is about placing stays text, for a job is kept
-- as text.
function options:wanted(asking)
  local texts = answers(self.questions, dialog.stored)
  if asking then
    local given = dialog.ask(self.questions, texts)
    if not given then return nil end
    texts = answers(self.questions, function(key) return given[key] end)
    dialog.remember(texts)
  end
  local wanted = { fields = {}, options = {} }
  for _, asked in ipairs(self.questions) do
    local text = texts[asked.key]
    local value = asked.read(text)
    if asked.placing then value = text end
    wanted[(asked.own or asked.placing) and "options" or "fields"][asked.name] = value
  end
  return wanted
end

-- Fields with those of `wanted` put into them.
function options.put(fields, wanted)
  for name, value in pairs(wanted.fields) do fields[name] = value end
  return fields
end

return options
