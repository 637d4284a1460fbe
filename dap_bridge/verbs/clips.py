"""A clip as requests name it: `domain.ClipRef` is what all forms come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from ..domain import MAX_SPANS, Span
from ..messages import PathText, absolute
from .request import JobVerb


def _path_after(colons: int, text: str) -> str:
    path = text.split(":", colons)[colons]
    if path:
        absolute(path)
    return text


ChannelText = Annotated[
    str, Field(pattern=r"^[0-9]{1,4}:.+$", max_length=4101), AfterValidator(lambda text: _path_after(1, text))
]
ItemText = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,16}:[0-9]{0,16}:[0-9]{0,8}:", max_length=4140),
    AfterValidator(lambda text: _path_after(3, text)),
]
ItemChannelText = Annotated[
    str,
    Field(pattern=r"^[1-9][0-9]{0,3}:[0-9]{1,4}:.+$", max_length=4106),
    AfterValidator(lambda text: _path_after(2, text)),
]


def require_one_place(items: Sequence[str], channels: Sequence[str], what: str = "item") -> None:
    """Raises ValueError where one of several clips (`ClipRef.several`) has both a path and channels, or neither."""
    apart = {int(channel.split(":", 1)[0]) for channel in channels}
    for number, item in enumerate(items, 1):
        if bool(item.split(":", 3)[3]) == (number in apart):
            raise ValueError(f"give either a path or channels for {what} {number}")
    if apart and max(apart) > len(items):
        raise ValueError(f"there is no {what} {max(apart)} for a channel to belong to")


LikeText = Annotated[
    str,
    Field(pattern=r"^[1-9]:[0-9]{1,16}:[0-9]{0,16}:[0-9]{0,8}:", max_length=4142),
    AfterValidator(lambda text: _path_after(4, text)),
]


def _spans(texts: tuple[str, ...]) -> tuple[str, ...]:
    for number, text in enumerate(texts, 1):
        try:
            Span.parse(text)
        except ValueError as error:
            raise ValueError(f"span {number}: {error}") from error
    return texts


SpanTexts = Annotated[
    tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=MAX_SPANS), AfterValidator(_spans)
]
ONLY = (
    "Where nothing but one sound is heard: `stem=1,start=0,end=1.5`, seconds from the clip's beginning. It is exact in "
    "the stems there, and an example of that sound everywhere."
)
SILENT = "Where one sound is not heard, as `only` has it."
Only = Annotated[SpanTexts, Field(description=ONLY)]
Silent = Annotated[SpanTexts, Field(description=SILENT)]
Frames = Annotated[int, Field(ge=0, le=2**53)]


class ClipVerb(JobVerb):
    """A job on one clip: a stretch of a file, or of as many files as it has channels."""

    clip: Annotated[PathText | None, Field(description="Audio file, absolute path. Either this or `channel`.")] = None
    channel: Annotated[
        tuple[ChannelText, ...],
        Field(
            max_length=64,
            description="One channel of the clip as `INDEX:PATH` (index from 0); repeated, in order, for clips whose "
            "channels lie in several files.",
        ),
    ] = ()
    start: Annotated[Frames, Field(description="First frame of the clip, at the file's rate.")] = 0
    frames: Annotated[int | None, Field(ge=1, le=2**53, description="Length in frames; left out: to the end.")] = None
    rate: Annotated[
        int | None,
        Field(ge=1, le=10_000_000, description="Rate in Hz that `start` and `frames` count at; must be the file's."),
    ] = None

    @model_validator(mode="after")
    def _one_clip(self) -> Self:
        if (self.clip is None) == (not self.channel):
            raise ValueError("give either clip or channel")
        return self
