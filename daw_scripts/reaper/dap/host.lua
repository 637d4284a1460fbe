-- What the library that REAPER and Ardour share is told of REAPER: which of the two it is, and what a clip is called there.
return { NAME = "reaper", CLIP = "item" }
