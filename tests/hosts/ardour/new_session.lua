local folder, rate = arg[1], math.tointeger(tonumber(arg[2]))
assert(create_session(folder, folder:match("[^/]+$"), rate))
Session:save_state("", false, false, false, false, false)
close_session()
