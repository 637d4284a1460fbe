local helpers, folder, out = arg[1], arg[2], arg[3]
dofile(helpers)
assert(load_session(folder, folder:match("[^/]+$")))
local file = io.open(out, "wb")
file:write(encode({ rate = Session:nominal_sample_rate(), tracks = tracks(), groups = groups(), markers = markers() }))
file:close()
close_session()
