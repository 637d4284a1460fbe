"""A benchmark a module, or a room: what is measured, on what, and what is shown of it; see `bench/table.py`."""
