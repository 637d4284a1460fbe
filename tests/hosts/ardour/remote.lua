-- What the tests do inside Ardour.

-- Import a file to a new track of its own name; returns the region.
function import(path, position)
  local files = C.StringVector()
  files:push_back(path)
  Editor:do_import(files, Editing.ImportDistinctFiles, Editing.ImportAsTrack, ARDOUR.SrcQuality.SrcBest,
    ARDOUR.MidiTrackNameSource.SMFTrackName, ARDOUR.MidiTempoMapDisposition.SMFTempoIgnore, Temporal.timepos_t(position),
    ARDOUR.PluginInfo(), ARDOUR.Track(), false)
  local name = path:match("([^/]+)%.%w+$")
  for region in Session:route_by_name(name):to_track():playlist():region_list():iter() do return region end
end

function select_regions(names)
  local wanted, list, count = {}, ArdourUI.SelectionList(), 0
  for _, name in ipairs(names) do wanted[name] = true end
  for route in Session:get_tracks():iter() do
    for region in route:to_track():playlist():region_list():iter() do
      local view = wanted[region:name()] and Editor:regionview_from_region(region)
      if view then
        list:push_back(view)
        count = count + 1
      end
    end
  end
  Editor:set_selection(list, ArdourUI.SelectionOp.Set)
  return count
end

-- The names of the selected tracks and busses.
function selected_tracks()
  local names = {}
  for route in Editor:get_selection().tracks:routelist():iter() do names[#names + 1] = route:name() end
  return names
end
