"""What may be asked of `denoise`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ..clips import ClipVerb
from ..request import PresetName


class Denoise(ClipVerb):
    """Split a clip into speech, or whatever else is wanted, and noise, which sum to it; the stems' roles say which."""

    name = "denoise"
    strength: Annotated[
        float, Field(ge=0, le=1, description="How much of the noise is taken out of the speech: 1 all, 0 none of it.")
    ] = 1.0
    swap: Annotated[bool, Field(description="The other one of the two is the speech.")] = False
    preset: PresetName = "denoise"
