"""Verb `adopt`: stems that something else made, as a result of our own."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ... import presets
from ...domain import ClipRef
from ...engine.methods import ADOPTERS
from ...jobs.run import JobRun
from ..reader import JobClipReader
from .adoption import AdoptionPreset, adopted
from .given import Given


def adopt(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    preset: AdoptionPreset = presets.load_one_of(request["preset"], *ADOPTERS)
    named = ClipRef.from_request(request)
    with ExitStack() as stack:
        clip = stack.enter_context(JobClipReader(named, run))
        readers = [
            stack.enter_context(JobClipReader(ref, run))
            for ref in ClipRef.several(request["stem"], request["stem_channel"])
        ]
        whole = clip.frames
        if named.start or named.frames is not None:
            with JobClipReader(ClipRef(named.channels), run) as reader:
                whole = reader.frames
        labels = [*request["labels"], *[""] * (len(readers) - len(request["labels"]))]
        titles = [label or Path(reader.inputs[0]["path"]).stem for label, reader in zip(labels, readers, strict=True)]
        titles = told_apart(titles)
        given = [
            Given.of(title, reader, clip, named.start, whole) for title, reader in zip(titles, readers, strict=True)
        ]
        return adopted(run, results, clip, given, preset, improve=request["improve"])


def told_apart(titles: list[str]) -> list[str]:
    """Each title by itself, where several are the same with a number."""
    found: list[str] = []
    for title in titles:
        names = [title, *(f"{title} {number}" for number in range(2, len(titles) + 1))]
        found.append(next(name for name in names if name not in found))
    return found
