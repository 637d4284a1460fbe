"""How `choose` is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ...domain import MAX_ALTERNATIVES
from ..command import SESSION, Command
from ..refine.command import CORRECTING, session_fields


def fields(session: str, clip: Path | None, **options: Any) -> dict[str, Any]:
    """Another answer to what SESSION separated, drawn in full."""
    return session_fields(session, clip) | options


COMMAND = Command(
    (
        SESSION,
        click.option(
            "--alternative",
            type=click.IntRange(2, MAX_ALTERNATIVES),
            required=True,
            help="Which one, as the manifest counts them.",
        ),
        *CORRECTING,
    ),
    fields,
)
