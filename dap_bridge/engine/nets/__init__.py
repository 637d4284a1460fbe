"""Untrained networks, what goes into them, what is asked of them, and how they are optimised; knows no method."""
