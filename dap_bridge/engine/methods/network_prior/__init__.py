"""Deep Network Prior: noise is what a network that draws the noisy waveform keeps changing its mind about."""
