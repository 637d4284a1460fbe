"""What `refine` does: a separation corrected by a user's boxes, from what was learned or, without that, the clip.

A denoising has nothing but its stems, and is corrected by these: `filling.py`; so are stems that something else made,
and beyond the boxes: `adopted.py`.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ... import presets
from ...domain import MAX_BOXES, Box
from ...engine.methods import SEPARATORS, separator
from ...errors import BadPreset, BadRequest
from ...jobs.run import JobRun
from ...jobs.sessions import Session, Sessions
from ..separate.job import fingerprint
from ..separate.known import boxes as spans_of
from ..separate.known import inputs
from ..separate.masked import MaskedClip, SeparationPreset, titled
from .adopted import correct_adopted
from .correction import Correction
from .filling import fill
from .places import find, open_clip, require_inside


def refine(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    places = find(request["session"], request["clip"], run.sessions)
    session = places[0]
    drawn = tuple(Box.parse(text) for text in request["box"])
    boxes = (session.boxes if request["keep"] else ()) + drawn
    return correct(run, results, places, boxes, redraw=request["fit"], carry=request["carry"])


def correct(
    run: JobRun,
    results: Path,
    places: Sequence[Session],
    boxes: tuple[Box, ...],
    *,
    redraw: bool,
    carry: bool,
    alternative: int | None = None,
) -> Path:
    """The session's separation, corrected by these boxes and no others; returns the path of the manifest.

    redraw: by the decoders, too. carry: also to chunks without boxes. alternative: another one of its answers, as it
    is; None: the session's. Raises BadPreset where no box can correct it.
    """
    if places[0].verb != "separate":
        if alternative is not None:
            raise BadRequest(f"{places[0].id} has one answer only.", "Correct it by boxes.")
        if places[0].verb == "adopt":
            return correct_adopted(run, results, places, boxes, redraw=redraw, carry=carry)
        return fill(run, results, places, boxes)
    preset: SeparationPreset = presets.load_one_of(places[0].request["preset"], *SEPARATORS)
    corrector = separator(preset.recipe).corrector
    if corrector is None:
        raise BadPreset(f"What the preset {preset.name!r} makes cannot be corrected.", "Separate with another preset.")
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as scratch:
        reader, session = open_clip(run, stack, places, preset)
        seed = session.request["seed"] if run.job.request["seed"] is None else run.job.request["seed"]
        form = run.format(session.request)
        original = session.request | {"seed": seed, "format": form}
        length, sources = reader.frames / reader.rate, original["sources"]
        spans = spans_of(original, length, reader.rate, sources)
        boxes = (*(spans if alternative else boxes), *spans_of(run.job.request, length, reader.rate, sources))
        if len(boxes) > MAX_BOXES:
            raise BadRequest(f"A session holds {MAX_BOXES} boxes at most; these would be {len(boxes)}.")
        require_inside(boxes, reader, sources)
        label = run.job.request["label"] or session.label
        if alternative is not None and not run.job.request["label"]:
            first = session.label.removesuffix(titled("", session.alternative, session.what(session.alternative)))
            label = titled(first, alternative, session.what(alternative))
        clip = MaskedClip(run, reader, preset, original["sources"], form, label, titles=session.titles)
        sessions = run.sessions or Sessions(Path(scratch), most_bytes=math.inf, most_days=math.inf)
        source = fingerprint(reader, preset)
        chosen = alternative or session.alternative
        correction = Correction(clip, corrector, boxes, original, spans, sessions, seed, redraw, carry, chosen)
        if seed == session.request["seed"] and source == session.source:
            correction.kept, correction.alternatives = session.fits, session.alternatives
            if alternative is None:
                correction.separated, correction.drawn = session.separated, session.drawn
        elif session.source and source != session.source:
            run.notes.append("The clip or the preset has changed since: it was separated again.")
        if session.request.get("residual") and session.parent is None:
            run.notes.append("The residual went back to the stems: a correction has none.")
        manifest = clip.publish_sources(
            results,
            correction.write_stems,
            lambda: {
                "seed": seed,
                "parent": session.id,
                "correctable": True,
                "boxes": boxes,
                "carry": carry,
                "changes": correction.changes,
                "alternative": chosen,
                "examples": inputs(original),
            },
        )
        separated = correction.separated if alternative is None else clip.stamps(manifest)
        clip.remember(
            Session(
                run.job.id,
                original,
                source,
                label,
                str(manifest),
                correction.kept,
                boxes,
                carry,
                session.id,
                separated=separated,
                alternative=chosen,
                alternatives=correction.alternatives,
                drawn=correction.drawn,
                answers=session.answers,
                titles=session.titles,
            )
        )
        return manifest
