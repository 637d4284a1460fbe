"""What may be asked of `texture`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ...messages import PathText
from ..clips import ChannelText, ClipVerb, Frames
from ..request import PresetName

# Of a result: more than six hours at 44.1 kHz.
MOST_FRAMES = 2**30


class Texture(ClipVerb):
    """More of a texture than was recorded: rain, applause, a drum roll, room tone.

    `extend` goes on after the clip, which stands untouched at the start; `loop` does so and leads back into its start,
    sample by sample; `fill` makes what belongs into a gap, between two clips or within one, and nothing else.
    """

    name = "texture"
    mode: Annotated[Literal["extend", "fill", "loop"], Field(description="What to make.")] = "extend"
    length: Annotated[
        int,
        Field(
            ge=1,
            le=MOST_FRAMES,
            description="Frames of every result: the clip and what follows it (`extend`, `loop`), "
            "or the gap alone (`fill`).",
        ),
    ]
    after: Annotated[
        PathText | None,
        Field(description="`fill`: the file after the gap, absolute path; rate and channels as in the clip."),
    ] = None
    after_channel: Annotated[
        tuple[ChannelText, ...],
        Field(max_length=64, description="The same, channel by channel, as in `channel`."),
    ] = ()
    after_start: Annotated[Frames, Field(description="First frame of what comes after the gap.")] = 0
    after_frames: Annotated[
        int | None, Field(ge=1, le=2**53, description="Its length in frames; left out: to the end.")
    ] = None
    gap_start: Annotated[
        int | None,
        Field(ge=1, le=2**53, description="`fill` within one clip: first frame of the gap, from the clip's start."),
    ] = None
    variation: Annotated[
        float,
        Field(
            ge=0, le=1, description="0 stays between the latents of neighbouring segments of the clip, 1 forgets them."
        ),
    ] = 0.5
    variations: Annotated[int, Field(ge=1, le=16, description="How many results, each different.")] = 1
    preset: PresetName = "texture"

    @model_validator(mode="after")
    def _one_gap(self) -> Self:
        ends = (self.after is not None) + bool(self.after_channel) + (self.gap_start is not None)
        if self.mode == "fill" and ends != 1:
            raise ValueError("fill needs one of after, after_channel and gap_start")
        if self.mode != "fill" and ends:
            raise ValueError("after, after_channel and gap_start belong to the mode fill")
        return self
