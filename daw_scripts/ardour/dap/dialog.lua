-- How options are asked for in Ardour, and where they are kept: in a file beside this library.
local files = require("dap.files")
local lines = require("dap.lines")
local message = require("dap.message")
local settings = require("dap.settings")

local dialog = {}

local function path() return settings.folder .. "options.tsv" end

local function dropdown(values)
  local same = {}
  for _, value in ipairs(values) do same[value] = value end
  return { type = "dropdown", values = same }
end

local function spin_button(asked)
  local step = asked.step or asked.type == "integer" and 1 or 0.05
  return { type = "number", min = asked.low, max = asked.high, step = step, digits = step < 1 and 2 or 0 }
end

-- The row of a dialog, with an answer in it.
local function row(asked, text)
  local made
  if asked.type == "boolean" then
    made = { type = "checkbox", default = text == "yes" }
  elseif asked.one_of then
    made = dropdown(asked.one_of)
    made.default = text
  elseif asked.type == "string" or asked.name == "seed" then -- a seed may be too large for a spin button
    made = { type = "entry", default = text }
  else
    made = spin_button(asked)
    made.default = asked.read(text)
  end
  made.key, made.title = asked.name, asked.question or asked.caption
  return made
end

-- Ask once; nil where the user went back.
function dialog.ask(questions, texts)
  local rows, found = {}, {}
  for index, asked in ipairs(questions) do rows[index] = row(asked, texts[asked.key]) end
  local answers = LuaDialog.Dialog(message.TITLE, rows):run()
  if not answers then return nil end
  for _, asked in ipairs(questions) do
    local value = asked.read(asked.write(answers[asked.name])) -- to Ardour, 2 is 2.0
    found[asked.key] = value ~= nil and asked.write(value) or nil
  end
  return found
end

local function stored() return lines.decode(files.read(path()) or "") end

function dialog.stored(key) return stored()[key] end

function dialog.remember(texts)
  local all = stored()
  for key, text in pairs(texts) do all[key] = text end
  files.write(path(), lines.encode(all))
end

return dialog
