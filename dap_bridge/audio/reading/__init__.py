"""Files as they are: whatever says how much it holds, what is there is read, to its end and to the sample."""

from .opening import Source, open_file, rate_of

__all__ = ["Source", "open_file", "rate_of"]
