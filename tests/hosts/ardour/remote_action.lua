ardour { ["type"] = "EditorAction", name = "remote", license = "MIT", author = "tests" }

function factory()
  return function()
    local chunk, answer = loadfile(SCRIPT), nil
    local fine, trouble = pcall(function() answer = chunk() end)
    local file = io.open(ANSWER .. ".tmp", "wb")
    file:write(fine and (answer or "{}") or ('{"error": "%s"}'):format(tostring(trouble):gsub('["\\%c]', "'")))
    file:close()
    os.rename(ANSWER .. ".tmp", ANSWER)
  end
end
