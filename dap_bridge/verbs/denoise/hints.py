"""What a request says of a clip's noise, as the engine wants it: examples heard, spans in the chunks' own time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...audio.files import ClipReader
from ...audio.plan import front_view
from ...audio.rates import resample
from ...domain import LEAST_EXAMPLE_S, ClipRef, Span
from ...engine.methods.method import Alone, Example, Hints
from ...engine.signal.rows import Heard
from ...errors import BadClip, BadRequest
from ...jobs.run import JobRun
from ..chunked import ChunkedClip
from ..reader import JobClipReader
from .request import STEMS, alone

# Of one example: a noise has said all of itself by then.
MOST_S = 30.0
_HINT = "Choose a stretch in which nothing but the noise is heard."


def read(run: JobRun, clip: ChunkedClip, front_rate: int) -> Hints:
    """Raises BadRequest or BadClip where what is said of the noise cannot be so."""
    request = run.job.request
    spans = alone(request["only"], request["silent"])
    _require_within(spans, clip.reader)
    _require_more(spans, clip.reader.frames / clip.reader.rate)
    named = ClipRef.several(request["noise_like"], request["noise_like_channel"])
    examples = tuple(_heard(number, ref, run, clip.reader, front_rate) for number, ref in enumerate(named, 1))
    return Hints(examples, _by_chunk(spans, clip))


def _require_within(spans: list[Span], reader: ClipReader) -> None:
    seconds = reader.frames / reader.rate
    for span in spans:
        where = f"The span of the {STEMS[span.stem - 1]} from {span.start:g} to {span.end:g} s"
        try:
            span.require_inside(seconds)
        except ValueError as error:
            raise BadRequest(
                f"{where} does not lie in the clip: {error}.", "Times count from the clip's start."
            ) from error
        if span.end - span.start < LEAST_EXAMPLE_S:
            raise BadRequest(f"{where} is shorter than {1000 * LEAST_EXAMPLE_S:g} ms.", "Choose a longer one.")


def _require_more(spans: list[Span], seconds: float) -> None:
    """Raises BadRequest where nothing of the clip is left to part."""
    reached = 0.0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start > reached:
            return
        reached = max(reached, span.end)
    if spans and reached >= seconds - LEAST_EXAMPLE_S:
        raise BadRequest("The spans cover all of the clip: nothing is left to be found.", "Mark a stretch of it alone.")


def _heard(number: int, ref: ClipRef, run: JobRun, clip: ClipReader, front_rate: int) -> Example:
    """An example at the clip's rate; of as many channels as the clip, or of one."""
    with JobClipReader(ref, run) as reader:
        name = f"Example {number} of the noise ({Path(ref.files[0]).name})"
        if reader.frames < LEAST_EXAMPLE_S * reader.rate:
            raise BadClip(f"{name} is shorter than {1000 * LEAST_EXAMPLE_S:g} ms.", _HINT)
        if _covers(reader, clip):
            raise BadClip(f"{name} is the clip itself.", _HINT)
        audio = reader.read(0, min(reader.frames, round(MOST_S * reader.rate)))
        if not np.any(audio - audio.mean(axis=1, keepdims=True)):
            raise BadClip(f"{name} is silent.", _HINT)
        if reader.channels != clip.channels:
            audio = np.repeat(audio.mean(axis=0, keepdims=True), clip.channels, axis=0)
        view, own = front_view(audio, reader.rate, front_rate), resample(audio, reader.rate, clip.rate)
        heard = Heard(torch.from_numpy(view), torch.from_numpy(own), clip.rate)
        return Example(heard, own=bool(_files(reader) & _files(clip)), top=min(reader.rate, clip.rate) / 2)


def _covers(example: ClipReader, clip: ClipReader) -> bool:
    """Whether all of the clip lies in the example."""
    first, start = example.inputs[0]["start"], clip.inputs[0]["start"]
    inside = first <= start and start + clip.frames <= first + example.frames
    return inside and bool(_files(example) & _files(clip))


def _files(reader: ClipReader) -> set[Path]:
    return {Path(entry["path"]).resolve() for entry in reader.inputs}


def _by_chunk(spans: list[Span], clip: ChunkedClip) -> dict[int, list[Alone]]:
    """Of every chunk, where in it a stem is alone: frames from its beginning, of signal, at the clip's rate."""
    found: dict[int, list[Alone]] = {}
    signal, rate = clip.signal, clip.reader.rate
    for span in spans:
        first, last = (round(signal.position(min(edge * rate, clip.reader.frames))) for edge in (span.start, span.end))
        for index, chunk in enumerate(clip.chunks):
            begin, end = max(first, chunk.start) - chunk.start, min(last, chunk.end) - chunk.start
            if begin < end:
                found.setdefault(index, []).append(Alone(span.stem - 1, begin, end))
    return found
