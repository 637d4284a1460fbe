"""The verb `denoise`: speech and noise."""
