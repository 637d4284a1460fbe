"""What is measured: the presets as a user runs them, and what else separates, denoises or extends a clip."""
