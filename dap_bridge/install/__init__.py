"""Bringing the host scripts to where a host looks for them."""
