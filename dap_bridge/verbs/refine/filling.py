"""A denoising corrected by boxes: what they say is moved between its stems, where they are and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ... import presets
from ...audio.files import ClipReader
from ...audio.plan import plan
from ...audio.silence import original
from ...audio.stems import StemWriter
from ...domain import MAX_BOXES, Box, ClipRef
from ...engine.methods import DENOISERS, denoiser
from ...engine.recipe import Holding, Section, Stems
from ...engine.signal.stems import fill_stems
from ...errors import BadPreset, BadRequest, UnknownSession
from ...jobs.run import JobRun
from ...jobs.sessions import Session, stamp
from ..chunked import ChunkedClip
from ..denoise.job import named
from ..reader import JobClipReader
from ..separate.known import boxes as spans_of
from ..separate.placed import Placed
from .places import require_inside


def fill(run: JobRun, results: Path, places: Sequence[Session], boxes: tuple[Box, ...]) -> Path:
    """The session's stems, corrected by these boxes and no others; returns the path of the manifest.

    Raises BadPreset where no box can correct them, UnknownSession where they are not as they were written.
    """
    preset: presets.Preset[Section] = presets.load_one_of(places[0].request["preset"], *DENOISERS)
    filling = denoiser(preset.recipe).filling
    if filling is None:
        raise BadPreset(f"What the preset {preset.name!r} makes cannot be corrected.", "Denoise with another preset.")
    session = as_written(places, "Denoise the clip again.")
    with JobClipReader(ClipRef.from_request(session.request), run) as reader:
        clip = ChunkedClip(run, reader, preset, len(session.separated), run.format(session.request))
        boxes = all_boxes(run, boxes, reader, clip.sources)
        label = run.job.request["label"] or session.label
        stems = named(run, label, clip.form, session.titles)
        filled = Filling(clip, [Path(path) for path in session.separated], boxes, *filling)
        manifest = clip.publish(
            results,
            stems,
            filled.write_stems,
            lambda: {
                "seed": session.request["seed"],
                "parent": session.id,
                "correctable": True,
                "boxes": boxes,
                "carry": False,
            },
        )
        corrected = replace(session, id=run.job.id, label=label, manifest=str(manifest), parent=session.id)
        clip.remember(replace(corrected, boxes=boxes, carry=False))
        return manifest


class Filling:
    """Stems that are there, at `paths`, on their way to being corrected."""

    def __init__(
        self, clip: ChunkedClip, paths: Sequence[Path], boxes: Sequence[Box], stems: Stems, holding: Holding
    ) -> None:
        self._clip, self._paths, self._stems, self._holding = clip, paths, stems, holding
        self._placed = [Placed.at(box) for box in boxes]
        chunking = clip.preset.about.chunk
        # all of the clip: boxes hold in its silence, too, and nothing is learned here
        self._chunks = plan(clip.reader.frames, clip.reader.rate, chunking.seconds, chunking.overlap_s)

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """One stem to each of `paths`; chunks that no box reaches are copied."""
        clip, rate = self._clip, self._clip.reader.rate
        shape = (rate, clip.reader.channels, clip.reader.frames)
        form = () if clip.effects else (clip.form, clip.carried, clip.reader.read)
        with StemWriter(paths, *shape, *form) as writer:
            for chunk, following in zip(self._chunks, (*self._chunks[1:], None), strict=True):
                clip.run.stop_if_cancelled()
                parts = original(self._paths, chunk.start, chunk.frames)
                near = (box.heard(chunk.start / rate, chunk.end / rate, self._holding) for box in self._placed)
                inside = [box for box in near if box is not None]
                if inside:
                    stems = torch.from_numpy(parts).to(device)
                    parts = fill_stems(stems, rate, inside, self._stems, self._holding).cpu().numpy()
                writer.write(chunk, parts, following)
        clip.run.notes += writer.warnings


def as_written(places: Sequence[Session], again: str) -> Session:
    """The session in the place where its stems are as they were written; again: how to make them anew where they are in
    none. Raises UnknownSession.
    """
    found = next(filter(_as_written, places), None)
    if found is None:
        raise UnknownSession(f"The stems of {places[0].id} are gone, or somebody has changed them since.", again)
    return found


def all_boxes(run: JobRun, boxes: tuple[Box, ...], reader: ClipReader, sources: int) -> tuple[Box, ...]:
    """These boxes, and the request's spans. Raises BadRequest where they are too many, or outside the clip."""
    boxes = (*boxes, *spans_of(run.job.request, reader.frames / reader.rate, reader.rate, sources))
    if len(boxes) > MAX_BOXES:
        raise BadRequest(f"A session holds {MAX_BOXES} boxes at most; these would be {len(boxes)}.")
    require_inside(boxes, reader, sources)
    return boxes


def _as_written(session: Session) -> bool:
    try:
        return bool(session.separated) and all(stamp(Path(path)) == seen for path, seen in session.separated.items())
    except OSError:
        return False
