"""Jobs: stored, queued, and run in a process of their own."""
