"""The doors of the daemon: thin adapters over one protocol table. Nothing here imports torch."""
