"""Names of files, made of what people call things: such as every system takes, and every person can read."""

from __future__ import annotations

import re

# Of Windows; a slash is everybody's.
FORBIDDEN = re.compile(r'[<>:"/\\|?*]')


def file_name(text: str, otherwise: str) -> str:
    """The text as a file's name, without a folder, what cannot be seen and what cannot be written; `otherwise` where
    nothing of it is left.
    """
    seen = "".join(character if character.isprintable() else "_" for character in text)
    return FORBIDDEN.sub("_", seen).strip(" .") or otherwise
