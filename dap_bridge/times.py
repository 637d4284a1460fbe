"""Times as people write and read them: 0:03.5, 1:02:03, or plain seconds."""

from __future__ import annotations

import re

_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d*)?)")
_PLAIN = re.compile(r"\d+(?:\.\d*)?|\.\d+")


def parse(text: str) -> float:
    """Seconds of `0:03.5`, `1:02:03` or `3.5`. Raises ValueError."""
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        if seconds >= 60 or (clock[1] and minutes >= 60):
            raise ValueError(f"{text} is no time: a minute has 60 seconds, an hour 60 minutes")
        return 3600 * hours + 60 * minutes + seconds
    if _PLAIN.fullmatch(text):
        return float(text)
    raise ValueError(f"{text!r} is no time: 3.5, 0:03.5 or 1:02:03")


def show(seconds: float, decimals: int = 1) -> str:
    """`0:03.5`; from an hour on `1:02:03.0`."""
    minutes, rest = divmod(round(seconds * 10**decimals), 60 * 10**decimals)
    hours, minutes = divmod(minutes, 60)
    begun = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{begun}:{rest / 10**decimals:0{decimals + 3}.{decimals}f}"
