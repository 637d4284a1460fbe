-- What a separation may be asked for, remembered between uses.
local constants = require("dap.constants")
local message = require("dap.message")

local options = {}

local SECTION = "dap-bridge"
local MOST_SEED = constants.fields.separate.seed.high
local SOURCES = constants.fields.separate.sources
local DEVICES = constants.fields.separate.device.one_of

local function one_of(text, allowed)
  for _, value in ipairs(allowed) do
    if text == value then return value end
  end
  return nil
end

local function whole(text, low, high)
  local number = math.tointeger(tonumber(text))
  return number and number >= low and number <= high and number or nil
end

-- name, caption, default, and a reader of what the user typed (nil where it cannot be meant).
local QUESTIONS = {
  { "preset", "Preset", constants.fields.separate.preset.default, function(text) return text:match("^[%w_.-]+$") end },
  {
    "sources", ("Sounds (%d to %d)"):format(SOURCES.low, SOURCES.high), tostring(SOURCES.default),
    function(text) return whole(text, SOURCES.low, SOURCES.high) end,
  },
  { "seed", "Seed", "0", function(text) return whole(text, 0, MOST_SEED) end },
  {
    "device", "Device (" .. table.concat(DEVICES, " / ") .. ")", constants.fields.separate.device.default,
    function(text) return one_of(text, DEVICES) end,
  },
  { "mute", "Mute the item (yes / no)", "yes", function(text) return one_of(text, { "yes", "no" }) end },
}

local function remembered(question)
  local text = reaper.GetExtState(SECTION, question[1])
  return text ~= "" and question[4](text) and text or question[3]
end

-- As the user left them; defaults at first.
function options.remembered()
  local values = {}
  for _, question in ipairs(QUESTIONS) do values[question[1]] = question[4](remembered(question)) end
  return values
end

local function read(answers)
  local values, index = {}, 0
  for text in (answers .. ","):gmatch("%s*(.-)%s*,") do
    index = index + 1
    local question = QUESTIONS[index]
    if not question then break end
    values[question[1]] = question[4](text)
    if values[question[1]] == nil then return nil, ("%s: \"%s\" cannot be used."):format(question[2], text) end
    reaper.SetExtState(SECTION, question[1], text, true)
  end
  return values
end

-- Ask until every answer can be used; nil where the user went back.
function options.ask()
  while true do
    local captions, texts = {}, {}
    for index, question in ipairs(QUESTIONS) do captions[index], texts[index] = question[2], remembered(question) end
    local fine, answers =
      reaper.GetUserInputs(message.TITLE, #QUESTIONS, table.concat(captions, ","), table.concat(texts, ","))
    if not fine then return nil end
    local values, trouble = read(answers)
    if values then return values end
    message.tell(trouble)
  end
end

return options
