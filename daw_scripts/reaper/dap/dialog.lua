-- How options are asked for in REAPER, as lines of text, and where they are kept: in its extended state.
local message = require("dap.message")

local dialog = {}

local SECTION = "dap-bridge"

-- What may be typed; not how far seeds go, which is no help.
local function allowed(asked)
  if asked.one_of then return table.concat(asked.one_of, " / ") end
  if asked.type == "boolean" then return "yes / no" end
  return asked.low and asked.high and asked.name ~= "seed" and ("%s to %s"):format(asked.low, asked.high) or nil
end

local function caption(asked)
  local what = allowed(asked)
  return what and ("%s (%s)"):format(asked.caption, what) or asked.caption
end

local function split(answers)
  local texts = {}
  for text in (answers .. ","):gmatch("%s*(.-)%s*,") do texts[#texts + 1] = text end
  return texts
end

-- The answers by their questions' keys; nil and a sentence where one of them cannot be used.
local function checked(questions, answers)
  local texts = {}
  for index, asked in ipairs(questions) do
    local text = answers[index] or ""
    if asked.read(text) == nil then return nil, ("%s: \"%s\" cannot be used."):format(caption(asked), text) end
    texts[asked.key] = text
  end
  return texts
end

-- Ask until every answer can be used; nil where the user went back.
function dialog.ask(questions, texts)
  local captions, answers = {}, {}
  for index, asked in ipairs(questions) do captions[index], answers[index] = caption(asked), texts[asked.key] end
  while true do
    local fine, line =
      reaper.GetUserInputs(message.TITLE, #captions, table.concat(captions, ","), table.concat(answers, ","))
    if not fine then return nil end
    answers = split(line)
    local found, trouble = checked(questions, answers)
    if found then return found end
    message.tell(trouble)
  end
end

function dialog.stored(key)
  local text = reaper.GetExtState(SECTION, key)
  return text ~= "" and text or nil
end

function dialog.remember(texts)
  for key, text in pairs(texts) do reaper.SetExtState(SECTION, key, text, true) end
end

return dialog
