"""Separation itself: torch and the standard library only; no files, no sockets, no logging, no global state."""
