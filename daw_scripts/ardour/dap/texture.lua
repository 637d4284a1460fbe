-- More of a texture than was recorded: a region goes on to the end of the range selection.
local each = require("dap.each")
local options = require("dap.options")
local regions = require("dap.regions")
local submit = require("dap.submit")

local CHOICES = options.of("texture")
local NO_RANGE = "Select a range first, on the track of the region: it goes on from where it starts to the range's end."
local NO_REGION = "No audio region of the range's tracks starts before the range's end and ends before it."

local function gather()
  local clips, _, stop = regions.in_range()
  if not clips then return nil, NO_RANGE end
  local orders = {}
  for _, clip in ipairs(clips) do
    if clip.position + clip.frames < stop then
      orders[#orders + 1] = each.order(clip, function() return { mode = "extend", length = stop - clip.position } end)
    end
  end
  if #orders == 0 then return nil, NO_REGION end
  return orders
end

return function(asking) submit.run("texture", CHOICES, gather, asking) end
