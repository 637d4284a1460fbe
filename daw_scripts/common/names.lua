-- Names that may go over the wire.
local host = require("dap.host")

local names = {}

-- The protocol counts characters, not bytes.
local LABEL_CHARACTERS = 200

-- UTF-8 whatever came: what is not becomes a question mark.
local function clean(text)
  local good, at = {}, 1
  while at <= #text do
    local length, bad = utf8.len(text, at)
    good[#good + 1] = text:sub(at, length and #text or bad - 1)
    if length then break end
    good[#good + 1] = "?"
    at = bad + 1
  end
  return table.concat(good)
end

-- What stems are named after.
function names.label(text)
  local label = clean(text)
  if label == "" then return host.CLIP end
  local stop = utf8.offset(label, LABEL_CHARACTERS + 1)
  return stop and label:sub(1, stop - 1) or label
end

local made = 0

-- A job's name: no other job's, and sorted by time; those of one action by the order in which they were made. `unique`: what
-- tells it from those that were made elsewhere in the same second.
function names.job(unique)
  made = made + 1
  return ("%s-%010d-%04d-%s"):format(host.NAME, os.time(), made, unique)
end

return names
