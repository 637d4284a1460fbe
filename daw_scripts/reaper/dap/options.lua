-- What a verb may be asked for, remembered between uses: fields of the protocol, and what the import may be told.
local constants = require("dap.constants")
local message = require("dap.message")

local options = {}
options.__index = options

local SECTION = "dap-bridge"
local PRESET = "^[%w_.-]+$"
local YES_OR_NO = { yes = true, no = false }

local function one_of(text, allowed)
  for _, value in ipairs(allowed) do
    if text == value then return value end
  end
  return nil
end

local function number_within(text, field)
  local number = tonumber(text)
  if field.type == "integer" then number = math.tointeger(number) end
  return number and number >= (field.low or number) and number <= (field.high or number) and number or nil
end

local function yes_or_no(caption)
  return {
    caption = caption .. " (yes / no)", default = "yes", own = true,
    read = function(text) return one_of(text, { "yes", "no" }) end,
  }
end

-- What is ours to decide, and not the bridge's.
local OWN = {
  mute = yes_or_no("Mute the item"),
  together = yes_or_no("Several items: one undo step"),
}

local CAPTIONS = {
  preset = "Preset", sources = "Sounds", seed = "Seed", device = "Device", strength = "Strength", swap = "Swap the two",
  variation = "Variation", variations = "Results", carry = "Correct all of a long clip",
}

-- A question about a field of a verb: caption, default, and a reader of what the user typed (nil where it cannot be meant).
local function question(verb, name)
  if type(name) == "table" then return name end
  if OWN[name] then return OWN[name] end
  local field = constants.fields[verb][name]
  local asked = { caption = CAPTIONS[name], default = tostring(field.default) }
  if field.one_of then
    asked.caption = ("%s (%s)"):format(asked.caption, table.concat(field.one_of, " / "))
    asked.read = function(text) return one_of(text, field.one_of) end
  elseif field.type == "boolean" then
    asked.caption, asked.default = asked.caption .. " (yes / no)", field.default and "yes" or "no"
    asked.read = function(text) return YES_OR_NO[text] end
  elseif field.type == "string" then
    asked.read = function(text) return text:match(PRESET) end
  else
    if name ~= "seed" then asked.caption = ("%s (%s to %s)"):format(asked.caption, field.low, field.high) end
    asked.read = function(text) return number_within(text, field) end
  end
  return asked
end

-- The options of a verb: names of its fields and of what is ours, or questions of its own as tables with name, caption,
-- default, read, own.
function options.of(verb, names)
  local questions = {}
  for index, name in ipairs(names) do
    local asked = question(verb, name)
    questions[index] = {
      name = asked.name or name, key = asked.own and not asked.name and name or ("%s.%s"):format(verb, asked.name or name),
      caption = asked.caption, default = asked.default, own = asked.own, read = asked.read,
    }
  end
  return setmetatable({ questions = questions }, options)
end

local function text_of(asked)
  local text = reaper.GetExtState(SECTION, asked.key)
  return text ~= "" and asked.read(text) ~= nil and text or asked.default
end

-- {fields, options}: what goes to the bridge, and what does not. Nil and a sentence where a text cannot be used.
local function read(questions, texts)
  local wanted = { fields = {}, options = {} }
  for index, asked in ipairs(questions) do
    local value = asked.read(texts[index] or "")
    if value == nil then return nil, ("%s: \"%s\" cannot be used."):format(asked.caption, texts[index] or "") end
    wanted[asked.own and "options" or "fields"][asked.name] = value
  end
  return wanted
end

function options:texts()
  local texts = {}
  for index, asked in ipairs(self.questions) do texts[index] = text_of(asked) end
  return texts
end

-- What is wanted: asked for with `asking` (nil where the user went back), or else as the user left it; defaults at first.
function options:wanted(asking)
  if asking then return self:ask() end
  return (read(self.questions, self:texts()))
end

local function split(answers)
  local texts = {}
  for text in (answers .. ","):gmatch("%s*(.-)%s*,") do texts[#texts + 1] = text end
  return texts
end

-- Ask until every answer can be used; nil where the user went back.
function options:ask()
  local captions = {}
  for index, asked in ipairs(self.questions) do captions[index] = asked.caption end
  local texts = self:texts()
  while true do
    local fine, answers =
      reaper.GetUserInputs(message.TITLE, #captions, table.concat(captions, ","), table.concat(texts, ","))
    if not fine then return nil end
    texts = split(answers)
    local wanted, trouble = read(self.questions, texts)
    if wanted then
      for index, asked in ipairs(self.questions) do reaper.SetExtState(SECTION, asked.key, texts[index], true) end
      return wanted
    end
    message.tell(trouble)
  end
end

-- Fields with those of `wanted` put into them.
function options.put(fields, wanted)
  for name, value in pairs(wanted.fields) do fields[name] = value end
  return fields
end

return options
