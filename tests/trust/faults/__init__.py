"""Rows of one fault of the world each."""
