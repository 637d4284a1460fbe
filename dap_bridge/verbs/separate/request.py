"""What may be asked of `separate`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..clips import ClipVerb
from ..request import AlternativesCount, PresetName


class Separate(ClipVerb):
    """Split a clip into `sources` stems that sum to it."""

    name = "separate"
    sources: Annotated[int, Field(ge=2, le=8, description="Number of sources.")] = 2
    preset: PresetName = "default"
    alternatives: Annotated[
        AlternativesCount | None,
        Field(
            description="How many answers at the most, each of which groups the clip's sounds in another way; `auto`: "
            "three where the first one is doubtful, else one; left out: as the setting `alternatives` says."
        ),
    ] = None
    residual: Annotated[
        bool,
        Field(description="Also a stem of what no sound claims for itself: where the ways to group the clip disagree."),
    ] = False
