"""The verb `separate`: stems that sum to a clip."""
