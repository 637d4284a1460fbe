-- The embedded drawing window: what it shows, and a mouse that tests move.
local model = require("model")

local gfx = {}
local COUNTS = { init = { 1, 6 }, set = { 1, 7 }, rect = { 4, 5 }, drawstr = { 1, 4 }, setfont = { 1, 4 }, getchar = { 0, 2 }, update = { 0, 0 }, quit = { 0, 0 } }
local state = { texth = 14, x = 0, y = 0, mouse_x = 0, mouse_y = 0, mouse_cap = 0, w = 0, h = 0 }

gfx.open, gfx.title, gfx.drawn, gfx.shown, gfx.key = false, nil, {}, {}, 0

local calls = {}
function calls.init(title, width, height)
  gfx.open, gfx.title = true, title
  state.w, state.h = width, height
end
function calls.set() end
function calls.rect() end
function calls.setfont() end
function calls.drawstr(text) gfx.drawn[#gfx.drawn + 1] = text end
function calls.getchar()
  local key = gfx.key
  gfx.key = 0
  return gfx.open and key or -1
end
function calls.update() gfx.shown, gfx.drawn = gfx.drawn, {} end
function calls.quit() gfx.open = false end

function gfx.point(x, y, down) state.mouse_x, state.mouse_y, state.mouse_cap = x, y, down and 1 or 0 end

-- What a script sees as `gfx`.
gfx.table = setmetatable({}, {
  __index = function(_, name)
    if state[name] ~= nil then return state[name] end
    local count = COUNTS[name] or model.fault("gfx has no " .. tostring(name))
    return function(...)
      local given = select("#", ...)
      if given < count[1] or given > count[2] then model.fault(("gfx.%s: %d arguments"):format(name, given)) end
      return calls[name](...)
    end
  end,
  __newindex = function(_, name, value)
    if state[name] == nil then model.fault("gfx has no " .. tostring(name)) end
    state[name] = value
  end,
})

return gfx
