-- What a separation may be asked for, remembered between uses in a file beside this library.
local constants = require("dap.constants")
local files = require("dap.files")
local lines = require("dap.lines")
local settings = require("dap.settings")

local options = {}

local FIELDS = constants.fields.separate
local DEFAULTS = { preset = FIELDS.preset.default, sources = FIELDS.sources.default, seed = 0,
  device = FIELDS.device.default, mute = "yes" }

local function path() return settings.folder .. "options.tsv" end

local function whole(value, field)
  local number = math.tointeger(tonumber(value))
  return number and number >= field.low and number <= field.high and number or nil
end

local function checked(values)
  return {
    preset = (values.preset or ""):match("^[%w_.-]+$") or DEFAULTS.preset,
    sources = whole(values.sources, FIELDS.sources) or DEFAULTS.sources,
    seed = whole(values.seed, FIELDS.seed) or DEFAULTS.seed,
    device = table.concat(FIELDS.device.one_of, " "):find(values.device or "-", 1, true) and values.device or DEFAULTS.device,
    mute = values.mute == "no" and "no" or "yes",
  }
end

-- As the user left them; defaults at first.
function options.remembered() return checked(lines.decode(files.read(path()) or "")) end

-- Ask, and remember; nil where the user went back.
function options.asked()
  local now = options.remembered()
  local devices = {}
  for _, name in ipairs(FIELDS.device.one_of) do devices[name] = name end
  local answers = LuaDialog.Dialog("Separate with DAP", {
    { type = "number", key = "sources", title = "Sounds", min = FIELDS.sources.low, max = FIELDS.sources.high, step = 1,
      digits = 0, default = now.sources },
    { type = "entry", key = "preset", title = "Preset (see `dap-bridge presets`)", default = now.preset },
    { type = "entry", key = "seed", title = "Seed", default = tostring(now.seed) },
    { type = "dropdown", key = "device", title = "Device", values = devices, default = now.device },
    { type = "checkbox", key = "mute", title = "Mute the region once its stems are there", default = now.mute == "yes" },
  }):run()
  if not answers then return nil end
  answers.mute = answers.mute and "yes" or "no"
  local wanted = checked(answers)
  files.write(path(), lines.encode(wanted))
  return wanted
end

return options
