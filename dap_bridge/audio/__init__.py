"""Files, rates, channels and chunks, in numpy."""
