"""Rows of bad messages, one for each door of a daemon."""
