"""What a request says is known of a clip's sounds, as the method is told of it: examples, and spans of the clip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch

from ...audio.plan import front_view
from ...audio.silence import Signal
from ...domain import LEAST_EXAMPLE_S, Box, ClipRef, Op, Span
from ...engine.signal.rows import Heard
from ...errors import BadClip, BadRequest
from ..reader import JobClipReader
from .masked import MaskedClip

# Seconds of an example that are read at the most.
LONGEST_S = 60.0


def examples(request: Mapping[str, Any], clip: MaskedClip) -> dict[int, list[Heard]]:
    """The examples of each source, from 0, without their silence. Raises BadRequest, BadClip, ClipUnreadable."""
    found: dict[int, list[Heard]] = {}
    for number, (stem, ref) in enumerate(_named(request), 1):
        if stem > clip.sources:
            raise BadRequest(f"Example {number}: there is no stem {stem}, only {clip.sources}.")
        found.setdefault(stem - 1, []).append(_example(number, ref, clip))
    return found


def _named(request: Mapping[str, Any]) -> list[tuple[int, ClipRef]]:
    """Each example with its stem, as the request says."""
    heads = [text.split(":", 1) for text in request.get("like") or ()]
    clips = ClipRef.several([item for _, item in heads], request.get("like_channel") or ())
    return [(int(stem), clip) for (stem, _), clip in zip(heads, clips, strict=True)]


def as_request(examples: Iterable[tuple[int, ClipRef]]) -> dict[str, list[str]]:
    """How a request names these examples, each with its stem."""
    likes, apart = [], []
    for number, (stem, clip) in enumerate(examples, 1):
        item, channels = clip.as_item(number)
        likes.append(f"{stem}:{item}")
        apart += channels
    return {"like": likes, "like_channel": apart}


def inputs(request: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """What the manifest says of the examples, file by file."""
    return tuple(
        {
            "example": number,
            "stem": stem,
            "path": file,
            "start": clip.start,
            "frames": clip.frames,
            "rate": clip.rate,
            "channels": [ref.channel for ref in clip.channels if ref.path == file and ref.channel is not None] or None,
        }
        for number, (stem, clip) in enumerate(_named(request), 1)
        for file in clip.files
    )


def _example(number: int, ref: ClipRef, clip: MaskedClip) -> Heard:
    with JobClipReader(ref, clip.run) as reader:
        if reader.frames < LEAST_EXAMPLE_S * reader.rate:
            raise BadClip(
                f"Example {number} is {reader.frames / reader.rate:.3f} s long.",
                f"Choose {LEAST_EXAMPLE_S:g} s of the sound at least; a second or two is better.",
            )
        if reader.inputs == clip.reader.inputs and reader.frames == clip.reader.frames:
            clip.run.notes.append(
                f"Example {number} is the clip itself: it is an example of none of its sounds, but of all of them."
            )
        signal = Signal(reader, clip.preset.about.silence, clip.run.stop_if_cancelled)
        audio = signal.read(0, min(signal.frames, round(LONGEST_S * reader.rate)))
        if not audio.any():
            raise BadClip(f"Example {number} is silent.", "Choose a stretch in which the sound is heard.")
        view = front_view(audio, reader.rate, clip.preset.recipe.front.rate)
        return Heard(torch.from_numpy(view), torch.from_numpy(audio), reader.rate)


def boxes(request: Mapping[str, Any], seconds: float, rate: int, sources: int) -> tuple[Box, ...]:
    """Spans (the fields `only` and `silent`) of a clip of so many seconds as boxes that are as high as it is.

    Raises BadRequest where they lie outside, or contradict one another.
    """
    only, silent = (
        [_span(name, number, text, seconds, sources) for number, text in enumerate(request.get(name) or (), 1)]
        for name in ("only", "silent")
    )
    _require_a_sound(only, silent, sources)
    return (*(_box(span, Op.ACTIVATE, rate) for span in only), *(_box(span, Op.DEACTIVATE, rate) for span in silent))


def _span(name: str, number: int, text: str, seconds: float, sources: int) -> Span:
    span = Span.parse(text)
    try:
        if span.stem > sources:
            raise ValueError(f"there is no stem {span.stem}, only {sources}")
        span.require_inside(seconds)
    except ValueError as error:
        raise BadRequest(f"{name} {number}: {error}.", "Choose a span inside the clip.") from error
    return span


def _box(span: Span, op: Op, rate: int) -> Box:
    return Box(span.stem, op, span.start, span.end, 0.0, rate / 2)


def _require_a_sound(only: Sequence[Span], silent: Sequence[Span], sources: int) -> None:
    """Raises BadRequest where spans leave no source that may sound."""
    edges = sorted({edge for span in (*only, *silent) for edge in (span.start, span.end)})
    for first, last in pairwise(edges):
        alone = {span.stem for span in only if span.start < last and first < span.end}
        quiet = {span.stem for span in silent if span.start < last and first < span.end}
        if len(alone) > 1 or alone & quiet or len(quiet) == sources:
            raise BadRequest(
                f"From {first:g} to {last:g} s, what is said of the stems cannot all be true.",
                "But one stem can be alone, and one that is alone is not silent.",
            )
