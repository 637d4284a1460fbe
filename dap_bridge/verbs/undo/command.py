"""How `undo` is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..command import SESSION, Command
from ..refine.command import CORRECTING, session_fields


def fields(session: str, clip: Path | None, **options: Any) -> dict[str, Any]:
    """SESSION without the last of its boxes."""
    return session_fields(session, clip) | options


COMMAND = Command((SESSION, *CORRECTING), fields)
