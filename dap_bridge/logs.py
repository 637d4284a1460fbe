"""The daemon's log: on stderr, a line for what happened, and no more of them than somebody would read."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from .transport import protocol

FORMAT = "%(asctime)s %(levelname)s %(message)s"
# Libraries whose everyday life is nobody's business.
QUIET = ("asyncio", "uvicorn")
# So many lines of one kind in a minute; where there are more, in the double of the time before, up to an hour.
MOST = 50
SPAN_S, LONGEST_SPAN_S = 60.0, 3600.0
LONGEST_LINE = 500
# Kinds that are told apart.
REMEMBERED = 256


def start(level: int = logging.INFO) -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler()
    handler.addFilter(Brief())
    logging.basicConfig(level=level, format=FORMAT, handlers=[handler])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


@dataclass
class _Kind:
    since: float
    span: float = SPAN_S
    lines: int = 0


class Brief(logging.Filter):
    """Of many lines of one kind, which differ in what is filled in, lets through the first, and counts the others.

    What is filled in may be a stranger's: it is shortened, and holds nothing that a terminal would obey.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, missed = self._count(record)
        if kind.lines > MOST:
            return False
        more = f" ({missed} more like this before)" if missed else ""
        if kind.lines == MOST:
            more += f" (more like this are left out for {kind.span / 60:g} min)"
        record.msg, record.args = protocol.shorten(record.getMessage().strip(), LONGEST_LINE) + more, ()
        return True

    def _count(self, record: logging.LogRecord) -> tuple[_Kind, int]:
        """The kind that a line is of, and how many were left out since the last that was not."""
        now = time.monotonic()
        name = (record.name, str(record.msg))
        if len(self._kinds) >= REMEMBERED and name not in self._kinds:
            self._kinds.clear()
        kind = self._kinds.setdefault(name, _Kind(now))
        missed = 0
        if now - kind.since > kind.span:
            missed = max(0, kind.lines - MOST)
            kind.span = min(2 * kind.span, LONGEST_SPAN_S) if missed else SPAN_S
            kind.since, kind.lines = now, 0
        kind.lines += 1
        return kind, missed
