-- Float WAV files, and what is heard of a take, sample by sample.
local audio = {}

local function chunks(text)
  local found, at = {}, 13
  while at + 7 <= #text do
    local id, size = text:sub(at, at + 3), ("<I4"):unpack(text, at + 4)
    found[id] = { at = at + 8, size = size }
    at = at + 8 + size + size % 2
  end
  return found
end

-- rate, channels, frames and where the samples are; nil where there is no such file.
function audio.header(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  local parts = chunks(text)
  local format, channels, rate = ("<I2I2I4"):unpack(text, parts["fmt "].at)
  assert(format == 3 or format == 0xFFFE, "the simulator reads float WAV alone")
  return { rate = rate, channels = channels, frames = parts.data.size // (4 * channels), text = text, data = parts.data.at }
end

-- Samples of a file as one interleaved list.
function audio.read(path)
  local head = assert(audio.header(path), path)
  local samples, at = {}, head.data
  for index = 1, head.frames * head.channels do samples[index], at = ("<f"):unpack(head.text, at) end
  head.samples, head.text = samples, nil
  return head
end

local function at_frame(root, frame, channel)
  if frame < 0 or frame >= root.audio.frames then return 0 end
  return root.audio.samples[frame * root.audio.channels + channel + 1]
end

-- A source's value at a time, linear between two frames.
local function root_value(root, seconds, channel)
  local frame = seconds * root.audio.rate
  local nearest = math.floor(frame + 0.5)
  if math.abs(frame - nearest) < 1e-6 then return at_frame(root, nearest, channel) end
  local before = math.floor(frame)
  local part = frame - before
  return (1 - part) * at_frame(root, before, channel) + part * at_frame(root, before + 1, channel)
end

local function source_value(source, seconds, channel)
  local section = source.section
  if not section then return root_value(source, seconds, channel) end
  local inside = section.reversed and section.length - seconds - 1 / source.rate or seconds
  return root_value(source.parent, section.offset + inside, channel)
end

local MIXED = 2

-- What is heard of a take at `seconds` into its item, on an output channel (from 0).
function audio.heard(take, seconds, channel)
  local source, info = take.source, take.info
  local position = info.D_STARTOFFS + seconds * info.D_PLAYRATE
  if take.item.info.B_LOOPSRC == 1 then
    position = position % source.length
  elseif position < 0 or position >= source.length then
    return 0
  end
  local mode = info.I_CHANMODE
  if mode == MIXED then
    return 0.5 * (source_value(source, position, 0) + source_value(source, position, 1))
  end
  if mode > MIXED then return source_value(source, position, math.floor(mode) - 3) end
  if mode == 1 then channel = 1 - channel end
  return source_value(source, position, channel)
end

return audio
