"""What may be asked of `denoise`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from ...domain import MAX_EXAMPLES, MAX_SPANS, Span
from ..clips import ClipVerb, ItemChannelText, ItemText, require_one_place
from ..request import PresetName

# What the two stems are called, in their order.
STEMS = ("speech", "noise")

SpanTexts = Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(max_length=MAX_SPANS)]


class Denoise(ClipVerb):
    """Split a clip into speech, or whatever else is wanted, and noise, which sum to it; the stems' roles say which."""

    name = "denoise"
    noise_like: Annotated[
        tuple[ItemText, ...],
        Field(
            max_length=MAX_EXAMPLES,
            description="An example of the noise, alone, from this recording or another, as `START:FRAMES:RATE:PATH`: "
            "as `item` of `coseparate`; of at least 50 ms, at any rate and level. Repeated for several.",
        ),
    ] = ()
    noise_like_channel: Annotated[
        tuple[ItemChannelText, ...],
        Field(
            max_length=256,
            description="A channel of an example without a path as `LIKE:INDEX:PATH`, in order: LIKE counts the "
            "`noise_like`s from 1, INDEX the file's channels from 0.",
        ),
    ] = ()
    only: Annotated[
        SpanTexts,
        Field(
            description="`stem=noise,start=0,end=1.5`: there nothing but the noise is heard (or the speech: "
            "`stem=speech`). start, end: seconds from the clip's beginning. Repeated for several."
        ),
    ] = ()
    silent: Annotated[
        SpanTexts,
        Field(
            description="`stem=speech,start=0,end=1.5`: the same said the other way round, nobody speaks there (or "
            "there is no noise: `stem=noise`). Repeated for several."
        ),
    ] = ()
    strength: Annotated[
        float, Field(ge=0, le=1, description="How much of the noise is taken out of the speech: 1 all, 0 none of it.")
    ] = 1.0
    swap: Annotated[bool, Field(description="The other one of the two is the speech.")] = False
    preset: PresetName = "denoise"

    @model_validator(mode="after")
    def _known_without_contradiction(self) -> Self:
        require_one_place(self.noise_like, self.noise_like_channel, "noise_like")
        alone(self.only, self.silent)
        return self


def alone(only: tuple[str, ...] | list[str], silent: tuple[str, ...] | list[str]) -> list[Span]:
    """Where one of the two stems is alone, in whichever way it was said. Raises ValueError."""
    spans = [_parsed("only", number, text) for number, text in enumerate(only, 1)]
    spans += [_other(_parsed("silent", number, text)) for number, text in enumerate(silent, 1)]
    for one in spans:
        for other in spans:
            if one.stem != other.stem and max(one.start, other.start) < min(one.end, other.end):
                first, last = max(one.start, other.start), min(one.end, other.end)
                raise ValueError(f"from {first:g} to {last:g} s both stems are said to be silent")
    return spans


def _parsed(field: str, number: int, text: str) -> Span:
    try:
        return Span.parse(text, STEMS)
    except ValueError as error:
        raise ValueError(f"{field} {number}: {error}") from error


def _other(span: Span) -> Span:
    return Span(len(STEMS) + 1 - span.stem, span.start, span.end)
