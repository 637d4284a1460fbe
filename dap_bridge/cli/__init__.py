"""The command line: one command a verb, with or without a daemon."""

from . import bench, jobs, service, tools  # their commands join `main` as they are imported
from .root import main

__all__ = ["bench", "jobs", "main", "service", "tools"]
