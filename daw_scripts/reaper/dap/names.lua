-- Names that may go over the wire.
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
  if label == "" then return "item" end
  local stop = utf8.offset(label, LABEL_CHARACTERS + 1)
  return stop and label:sub(1, stop - 1) or label
end

local made = 0

-- A job's name: no other job's, and sorted by time; those of one action by the order in which they were made.
function names.job()
  made = made + 1
  local unique = reaper.genGuid(""):gsub("[^%x]", ""):sub(1, 12):lower()
  return ("reaper-%010d-%04d-%s"):format(os.time(), made, unique)
end

return names
