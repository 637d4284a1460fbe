"""Verb `denoise`: speech and noise."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio.stems import file_name
from ...domain import ClipRef, Format, Stem
from ...engine.events import Speech
from ...engine.methods import DENOISERS, denoiser
from ...engine.methods.method import Denoiser, Hints
from ...engine.recipe import Section
from ...errors import BadPreset
from ...jobs import device as devices
from ...jobs.run import JobRun, writing_to
from ...jobs.sessions import Session
from ..chunked import ChunkedClip
from ..reader import JobClipReader
from . import hints
from .request import STEMS

# A chunk is held as samples and as spectrograms, of the mixture and of both stems, in several copies at the worst.
WORKING_COPIES = 24


def denoise(run: JobRun, results: Path) -> Path:
    """Returns the path of the manifest. Stem 1 is the speech, stem 2 the noise."""
    request = run.job.request
    preset: presets.Preset[Section] = presets.load_one_of(request["preset"], *DENOISERS)
    with (
        JobClipReader(ClipRef.from_request(request), run) as reader,
        tempfile.TemporaryDirectory(prefix="dap-bridge-") as folder,
    ):
        clip = ChunkedClip(run, reader, preset, 2, run.format())
        method = denoiser(preset.recipe)
        known = hints.read(run, clip, method.front.rate)
        if known and not method.takes_hints:
            raise BadPreset(f"The preset {preset.name!r} cannot learn the noise.", "Leave --preset out.")
        denoising = Denoising(clip, method, Shelf(Path(folder)), known)
        devices.require_memory(denoising.memory_estimate())
        label = request["label"] or Path(reader.inputs[0]["path"]).stem
        stems = named(run, label, clip.form)

        def correctable() -> bool:
            """Boxes move what the stems hold: these have to be all that there is."""
            return method.filling is not None and not (clip.effects or clip.clipped)

        manifest = clip.publish(results, stems, denoising.write_stems, lambda: {"correctable": correctable()})
        if correctable():
            written = clip.as_written([manifest.with_name(stem.path) for stem in stems])
            session = Session(run.job.id, request, "", label, str(manifest), separated=written, verb="denoise")
            clip.remember(session)
        return manifest


def named(run: JobRun, label: str, form: Format, titles: Mapping[int, str] | None = None) -> list[Stem]:
    """Speech and noise. titles: what a user has called them, by their indices."""
    names = {file_name(index, form): f"{label} - {role}" for index, role in enumerate(STEMS, 1)}
    files = run.file_names(names, form)
    called = dict(enumerate(names.values(), 1)) | dict(titles or {})
    parts = zip(STEMS, files, strict=True)
    return [Stem(index, called[index], role, file) for index, (role, file) in enumerate(parts, 1)]


@dataclass(frozen=True)
class Shelf:
    """Tensors in a folder, by the numbers of their chunks."""

    folder: Path

    def __setitem__(self, index: int, kept: torch.Tensor) -> None:
        with writing_to(self.folder):
            np.save(self._file(index), kept.numpy())

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(np.load(self._file(index)))

    def _file(self, index: int) -> Path:
        return self.folder / f"{index}.npy"


@dataclass
class Denoising:
    """A clip on its way to speech and noise."""

    clip: ChunkedClip
    method: Denoiser[Section]
    shelf: Shelf
    hints: Hints

    def memory_estimate(self) -> int:
        """Bytes that the longest chunk takes."""
        clip = self.clip
        seen = clip.longest * self.method.front.rate // clip.reader.rate
        return 4 * (clip.longest * clip.reader.channels * WORKING_COPIES + self.method.floats(seen))

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """The speech goes to the first of `paths`, the noise to the second."""
        clip = self.clip
        events = self.method.denoise(
            lambda index: clip.heard(index, self.method.front.rate),
            len(clip.chunks),
            shelf=self.shelf,
            seed=clip.run.job.request["seed"],
            device=device,
            check=clip.run.stop_if_cancelled,
            hints=self.hints,
            executor=clip.run.executor(device),
        )
        with clip.writer(paths) as writer:
            # nobody speaks in silence
            writer.fill = lambda _, audio: self._stems(
                torch.from_numpy(audio), torch.from_numpy(self.method.residue * audio)
            )
            for speech in clip.run.follow(events):
                clip.write(writer, speech.index, self._divided(speech))

    def _divided(self, speech: Speech) -> NDArray[np.float32]:
        mixture = torch.from_numpy(self.clip.read(self.clip.chunks[speech.index]))
        return self._stems(mixture.to(speech.audio.device), speech.audio)

    def _stems(self, mixture: torch.Tensor, cleaned: torch.Tensor) -> NDArray[np.float32]:
        request = self.clip.run.job.request
        return torch.stack(divide(mixture, cleaned, strength=request["strength"], swap=request["swap"])).cpu().numpy()


def divide(
    mixture: torch.Tensor, cleaned: torch.Tensor, *, strength: float, swap: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Speech and noise, which sum to the mixture; (channels, frames) all of them.

    cleaned: what is found to be the speech. strength: 0 .. 1, how much of the noise leaves the speech. swap: what is
    found to be the noise is the speech.
    """
    wanted = mixture - cleaned if swap else cleaned
    speech = mixture + strength * (wanted - mixture)
    return speech, mixture - speech
