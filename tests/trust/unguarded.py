"""What the daemon would be without a guard: each function takes one away, in the process that calls it.

For three rows that must show something then; nothing in the product knows of it.
"""

from __future__ import annotations

from pathlib import Path

from dap_bridge.jobs import output


def publish() -> None:
    """Results are renamed to their names, whatever has appeared there since it was looked."""

    def place(source: Path, target: Path) -> None:
        source.rename(target)

    output._place = place  # type: ignore[attr-defined]
