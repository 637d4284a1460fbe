"""One module a verb, the only room where audio and engine meet: a clip is read, computed, and written as stems."""
