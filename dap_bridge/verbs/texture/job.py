"""Verb `texture`: what goes on after a clip, leads back into its start, or fills a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ... import presets, times
from ...audio import metadata
from ...audio.files import ClipReader
from ...audio.metadata import Carried
from ...audio.plan import Chunk
from ...audio.silence import Signal
from ...audio.stems import BLOCK_FRAMES, StemWriter, file_name, require_writable
from ...domain import ClipRef, Format, Manifest, Stem
from ...engine.methods.texture.extension import extend
from ...engine.methods.texture.recipe import TextureRecipe
from ...errors import BadClip
from ...jobs import device as devices
from ...jobs.run import JobRun
from ..reader import JobClipReader

# A piece is held as samples, as a spectrogram of fourfold overlap and as bands, in several copies at the worst moment.
WORKING_COPIES = 60


def texture(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest."""
    request = run.job.request
    preset: presets.Preset[TextureRecipe] = presets.load_one_of(request["preset"], TextureRecipe)
    form = run.format()
    with ExitStack() as stack:
        reader = stack.enter_context(JobClipReader(ClipRef.from_request(request), run))
        after = stack.enter_context(JobClipReader(_clip_after(request), run)) if _has_after(request) else None
        require_writable(form, reader.rate, reader.channels)
        signal = partial(Signal, rule=preset.about.silence, check=run.stop_if_cancelled)
        label = request["label"] or Path(reader.inputs[0]["path"]).stem
        numbers = range(1, request["variations"] + 1)
        titles = {file_name(number, form, "texture"): f"{label} - texture {number}" for number in numbers}
        names = run.file_names(titles, form)
        layout = plan(request, reader, after, preset.recipe, signal)
        carried = metadata.carried(reader, form, *layout.stands_for(request["gap_start"]))
        chunk = preset.about.chunk
        devices.require_memory(round(chunk.seconds * reader.rate) * reader.channels * WORKING_COPIES * 4)

        def make(folder: Path) -> Manifest:
            paths = [folder / name for name in names]
            run.compute(lambda device: _Writing(run, reader, layout, preset, form, carried, device).write(paths))
            run.notes += carried.warnings
            return run.manifest(
                correctable=False,
                format=form,
                preset=preset.name,
                rate=reader.rate,
                channels=reader.channels,
                frames=request["length"],
                null_db=None,
                inputs=reader.inputs + (after.inputs if after else ()),
                stems=tuple(
                    Stem(number, title, "texture", name)
                    for number, title, name in zip(numbers, titles.values(), names, strict=True)
                ),
            )

        return run.publish(results, names, make)


@dataclass(frozen=True)
class Stretch:
    """Some frames of a clip, or of its signal."""

    reader: ClipReader | Signal
    start: int
    frames: int

    def audio(self) -> torch.Tensor:
        """(channels, frames)"""
        return torch.from_numpy(self.reader.read(self.start, self.frames))


@dataclass(frozen=True)
class Layout:
    """A result: the first `kept` frames of the clip, then `made` new ones that go on after `before`, into `after`."""

    kept: int
    made: int
    before: Stretch
    after: Stretch | None

    def stands_for(self, gap_start: int | None) -> tuple[int, int]:
        """First frame and number of the clip's frames whose times and markers are those of the result.

        It begins with the clip, or where the gap does, in it (`gap_start`) or at its end.
        """
        if self.kept:
            return 0, self.kept
        return (self.before.reader.frames, 0) if gap_start is None else (gap_start, self.made)


def plan(
    request: dict[str, Any],
    reader: ClipReader,
    after: ClipReader | None,
    recipe: TextureRecipe,
    signal: Callable[[ClipReader], Signal],
) -> Layout:
    """What to keep, what to make and what to listen to: signal alone, for silence is no texture, but where there is
    none on that side. Raises BadClip where there is nothing to go on from.
    """
    length: int = request["length"]
    heard = max(1, round(recipe.source_s * reader.rate))

    def until(end: int) -> Stretch:
        sounding = signal(reader)
        before = round(sounding.position(end))
        source, stop = (sounding, before) if before else (reader, end)
        return Stretch(source, max(0, stop - heard), min(heard, stop))

    def beyond(clip: ClipReader, start: int) -> Stretch:
        sounding = signal(clip)
        before = round(sounding.position(start))
        source, first = (sounding, before) if before < sounding.frames else (clip, start)
        return Stretch(source, first, min(heard, source.frames - first))

    if request["mode"] == "extend":
        kept = min(length, reader.frames)
        return Layout(kept, length - kept, until(reader.frames), None)
    if request["mode"] == "loop":
        # a loop shorter than the clip ends with new audio all the same: it has to lead back
        joint = min(round(recipe.loop_s * reader.rate), length // 2)
        kept = min(length - joint, reader.frames)
        return Layout(kept, length - kept, until(kept), beyond(reader, 0))
    if after is not None:
        _require_alike(reader, after)
        return Layout(0, length, until(reader.frames), beyond(after, 0))
    start: int = request["gap_start"]
    end = start + length
    if end >= reader.frames:
        ends = times.show(end / reader.rate), times.show(reader.frames / reader.rate)
        raise BadClip(
            f"The gap ends at {ends[0]}, and the clip at {ends[1]}: nothing is left after it.",
            "Give a gap that ends within the clip, or use the mode extend.",
        )
    return Layout(0, length, until(start), beyond(reader, end))


def _has_after(request: dict[str, Any]) -> bool:
    return request["after"] is not None or bool(request["after_channel"])


def _clip_after(request: dict[str, Any]) -> ClipRef:
    return ClipRef.from_request(
        {
            "clip": request["after"],
            "channel": request["after_channel"],
            "start": request["after_start"],
            "frames": request["after_frames"],
            "rate": request["rate"],
        }
    )


def _require_alike(reader: ClipReader, after: ClipReader) -> None:
    if reader.rate != after.rate or reader.channels != after.channels:
        raise BadClip(
            f"The clip before the gap has {reader.channels} channels at {reader.rate} Hz, the one after it "
            f"{after.channels} at {after.rate} Hz.",
            "Bring them to one rate and one number of channels first.",
        )


@dataclass(frozen=True)
class _Writing:
    """One attempt at the results, on one device."""

    run: JobRun
    reader: ClipReader
    layout: Layout
    preset: presets.Preset[TextureRecipe]
    form: Format
    carried: Carried
    device: torch.device

    def write(self, paths: list[Path]) -> None:
        """A result to each of `paths`: what is kept of the clip, and what is made after it."""
        made = self._made(len(paths))
        held = next(made, None)
        for index, path in enumerate(paths):
            frames = self.layout.kept + self.layout.made
            shape = (self.reader.rate, self.reader.channels, frames)
            with StemWriter([path], *shape, self.form, self.carried) as file:
                for start in range(0, self.layout.kept, BLOCK_FRAMES):
                    frames = min(BLOCK_FRAMES, self.layout.kept - start)
                    _append(file, torch.from_numpy(self.reader.read(start, frames)))
                while held is not None and held[0] == index:
                    _append(file, held[1])
                    held = next(made, None)
            self.run.notes += file.warnings

    def _made(self, count: int) -> Iterator[tuple[int, torch.Tensor]]:
        """New audio: index of the result, and a piece of it (channels, frames)."""
        if not self.layout.made:
            self.run.notes.append("The clip is as long as the result: nothing had to be made.")
            return
        chunk, after = self.preset.about.chunk, self.layout.after
        request = self.run.job.request
        pieces = extend(
            self.layout.before.audio(),
            None if after is None else after.audio(),
            self.layout.made,
            self.reader.rate,
            self.preset.recipe,
            block=max(1, round(chunk.seconds * self.reader.rate)),
            fade=max(1, round(chunk.overlap_s * self.reader.rate)),
            variation=request["variation"],
            results=count,
            seed=request["seed"],
            device=self.device,
        )
        for piece in self.run.follow(pieces):
            yield piece.index, piece.audio


def _append(file: StemWriter, audio: torch.Tensor) -> None:
    frames = audio.shape[1]
    file.write(Chunk(0, 0, frames, 0), audio.numpy()[None], None)
