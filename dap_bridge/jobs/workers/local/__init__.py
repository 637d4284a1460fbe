"""A worker that is a process on this machine."""
