"""Speech and noise: the floor of a clip, and a separation where pauses are not quiet without it."""
