"""What may be asked of `adopt`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ..clips import ClipVerb, ItemChannelText, ItemText, require_one_place
from ..request import PresetName

# As many as a clip is separated into; the remainder is one more.
MOST_STEMS = 8


class Adopt(ClipVerb):
    """Take stems of a clip that something else made; what they leave of it is one more, so that all sum to the clip.

    They stay as they were given, and can be corrected as what `separate` makes.
    """

    name = "adopt"
    stem: Annotated[
        tuple[ItemText, ...],
        Field(
            min_length=1,
            max_length=MOST_STEMS,
            description="A stem as `START:FRAMES:RATE:PATH`, as `item` of `coseparate`; as long as the clip, or as the "
            "whole file that the clip is a stretch of, up to a tenth of a second; of one channel, or as many as the "
            "clip; at any rate. Repeated for every stem.",
        ),
    ]
    stem_channel: Annotated[
        tuple[ItemChannelText, ...],
        Field(
            max_length=256,
            description="A channel of a stem without a path as `STEM:INDEX:PATH`, in order: STEM counts the `stem`s "
            "from 1, INDEX the file's channels from 0.",
        ),
    ] = ()
    labels: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...],
        Field(
            max_length=MOST_STEMS,
            description="What each stem is called, in the order of `stem`; left out or empty: as its file.",
        ),
    ] = ()
    improve: Annotated[
        bool,
        Field(description="Blend the answer of `separate` into the stems: it helps bad stems, and may harm good ones."),
    ] = False
    preset: PresetName = "adopt"

    @model_validator(mode="after")
    def _every_stem_named_once(self) -> Self:
        require_one_place(self.stem, self.stem_channel, "stem")
        if len(self.labels) > len(self.stem):
            raise ValueError("there are more labels than stems")
        return self
