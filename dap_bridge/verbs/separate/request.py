"""What may be asked of `separate`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ...domain import MAX_EXAMPLES
from ..clips import ClipVerb, ItemChannelText, LikeText, Only, Silent, require_one_place
from ..request import AlternativesCount, PresetName


class Separate(ClipVerb):
    """Split a clip into `sources` stems that sum to it."""

    name = "separate"
    sources: Annotated[int, Field(ge=2, le=8, description="Number of sources.")] = 2
    preset: PresetName = "default"
    like: Annotated[
        tuple[LikeText, ...],
        Field(
            max_length=MAX_EXAMPLES,
            description="An example of one of the sounds, alone, from this recording or another: `STEM:` and then as "
            "`item` of `coseparate`, `START:FRAMES:RATE:PATH`; of at least 50 ms, at any rate, level and number of "
            "channels. The first minute of its signal is heard. Repeated for further sounds, or several of one.",
        ),
    ] = ()
    like_channel: Annotated[
        tuple[ItemChannelText, ...],
        Field(
            max_length=256,
            description="A channel of an example without a path as `LIKE:INDEX:PATH`, in order: LIKE counts the "
            "`like`s from 1, INDEX the file's channels from 0.",
        ),
    ] = ()
    only: Only = ()
    silent: Silent = ()
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

    @model_validator(mode="after")
    def _every_example_named_once(self) -> Self:
        require_one_place([text.split(":", 1)[1] for text in self.like], self.like_channel, "like")
        return self
