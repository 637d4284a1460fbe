-- Several answers to one clip, as a manifest lists them. The first is what its `stems` are, and the only one drawn in full; the
-- names of the others' stems say what tells them apart.
local alternatives = {}

alternatives.FIRST = 1

-- Those after the first: a list of {index, what, stems}.
function alternatives.further(manifest)
  local found = {}
  for _, alternative in ipairs(manifest.alternatives or {}) do
    if alternative.index > alternatives.FIRST then found[#found + 1] = alternative end
  end
  return found
end

-- All stems that a manifest lists, those of its first answer first.
function alternatives.stems(manifest)
  local found = table.move(manifest.stems, 1, #manifest.stems, 1, {})
  for _, alternative in ipairs(alternatives.further(manifest)) do
    table.move(alternative.stems, 1, #alternative.stems, #found + 1, found)
  end
  return found
end

-- The stem at a path, as the manifest writes it, and the alternative that it is of: nil for the first. Nil where there is none.
function alternatives.find(manifest, path)
  for _, stem in ipairs(manifest.stems) do
    if stem.path == path then return stem end
  end
  for _, alternative in ipairs(alternatives.further(manifest)) do
    for _, stem in ipairs(alternative.stems) do
      if stem.path == path then return stem, alternative end
    end
  end
  return nil
end

return alternatives
