"""Dask, so that it keeps to itself: it logs its everyday life, and serves pages about it to whoever asks."""

from __future__ import annotations

import logging

import dask
import distributed  # noqa: F401 - sets up what is taken back here

dask.config.set({f"distributed.{kind}.http.routes": [] for kind in ("scheduler", "worker")})
for name in list(logging.root.manager.loggerDict):
    if name.partition(".")[0] == "distributed":
        logging.getLogger(name).setLevel(logging.CRITICAL)
