"""Recordings of two sounds each, in one room or mixed, and the one that ships with the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...demo import CLIP, PARTS
from ...errors import BadRequest
from .sounds import Item, audio_file

LAYOUT = "pair/ITEM/{mix,s1,s2}.flac; also noisy, stereo"
# `folded` is `stereo` with both channels brought down to one.
KINDS = ("pair", "noisy", "stereo", "folded")


def demo() -> Item:
    """The recording that ships with the package."""
    return Item("tabla_and_crow", "demo", tuple(PARTS.values()), CLIP)


def recordings(root: Path, kinds: Sequence[str] = KINDS) -> list[Item]:
    """Folders pair/, noisy/ and stereo/ of `root`, with a folder an item that holds mix, s1 and s2."""
    items = [
        Item(
            folder.name,
            kind,
            (audio_file(folder, "s1"), audio_file(folder, "s2")),
            audio_file(folder, "mix"),
            kind == "folded",
        )
        for kind in kinds
        for folder in sorted((root / ("stereo" if kind == "folded" else kind)).glob("*/"))
    ]
    if not items:
        raise BadRequest(f"{root} holds no recordings.", f"Expected {', '.join(kinds)} with mix, s1 and s2 in folders.")
    return items
