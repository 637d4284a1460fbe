"""`make trust`: what crashes, bad bytes, full disks and strangers do to a real daemon, counted row by row.

`table.py` lists the rows, `harness.py` is what they share, and every other module or folder is one kind of row. A row
counts what it tried and, by name, what must never happen; `python -m tests.trust --only ROW` runs it alone.
"""
