"""Names of files, made of what people call things: such as every system takes, and every person can read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

# Of Windows; a slash is everybody's.
FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
# Bytes of UTF-8, of the 255 that a name may have: a stem's is longer than its clip's, and ends with its number or role.
LONGEST, LONGEST_END = 200, 60


def file_name(text: str, otherwise: str = "_") -> str:
    """The text as a file's name, without a folder, what cannot be seen and what cannot be written, the middle left out
    of one that is too long; `otherwise` where nothing of it is left.
    """
    seen = "".join(character if character.isprintable() else "_" for character in text)
    return _shortened(FORBIDDEN.sub("_", seen).strip(" .") or otherwise)


def file_names(titles: Iterable[str], suffix: str = "") -> list[str]:
    """What files are called that hold what is called so, no two alike, also where case does not count."""
    found: list[str] = []
    taken: set[str] = set()
    for title in titles:
        plain = file_name(title)
        names = itertools.chain([plain], (f"{plain} ({number})" for number in itertools.count(2)))
        name = next(name for name in names if name.casefold() not in taken)
        taken.add(name.casefold())
        found.append(f"{name}{suffix}")
    return found


def _shortened(name: str) -> str:
    whole = name.encode("utf-8", "replace")
    if len(whole) <= LONGEST:
        return name
    head, end = whole[: LONGEST - LONGEST_END], whole[-LONGEST_END:]
    return f"{head.decode(errors='ignore')}…{end.decode(errors='ignore')}"
