"""What may be asked of `separate`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..clips import ClipVerb
from ..request import PresetName


class Separate(ClipVerb):
    """Split a clip into `sources` stems that sum to it."""

    name = "separate"
    sources: Annotated[int, Field(ge=2, le=8, description="Number of sources.")] = 2
    preset: PresetName = "default"
