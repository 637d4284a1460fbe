"""Deep Network Prior: noise is what a network fitted to the noisy waveform keeps changing its mind about."""
