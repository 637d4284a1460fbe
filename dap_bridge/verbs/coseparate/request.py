"""What may be asked of `coseparate`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ..clips import ItemChannelText, ItemText, require_one_place
from ..request import JobVerb, PresetName

LEAST_CLIPS, MOST_CLIPS = 2, 64


class Coseparate(JobVerb):
    """Split each of several clips into the sound that they share and a rest of its own; a clip's two stems sum to it.

    Clips may differ in length, rate and channels. A stem says by `input` which clip it belongs to, counted from 1 in
    the order of `item`; the one without is the shared sound by itself, which `label` names.
    """

    name = "coseparate"
    item: Annotated[
        tuple[ItemText, ...],
        Field(
            min_length=LEAST_CLIPS,
            max_length=MOST_CLIPS,
            description="A clip as `START:FRAMES:RATE:PATH`: its first frame and its length at the file's rate, that "
            "rate in Hz, the file's absolute path. FRAMES empty: to the end; RATE empty: whatever the file's is; PATH "
            "empty: the clip's channels stand in `channel`.",
        ),
    ]
    channel: Annotated[
        tuple[ItemChannelText, ...],
        Field(
            max_length=256,
            description="A channel of an item without a path as `ITEM:INDEX:PATH`, in order: ITEM counts the items "
            "from 1, INDEX the file's channels from 0.",
        ),
    ] = ()
    labels: Annotated[
        tuple[Annotated[str, Field(max_length=200)], ...],
        Field(
            max_length=MOST_CLIPS,
            description="What each item's stems are named after, in the order of `item`; left out or empty: the file's "
            "name.",
        ),
    ] = ()
    preset: PresetName = "coseparate"

    @model_validator(mode="after")
    def _every_item_named_once(self) -> Self:
        require_one_place(self.item, self.channel)
        if len(self.labels) > len(self.item):
            raise ValueError("there are more labels than items")
        return self
