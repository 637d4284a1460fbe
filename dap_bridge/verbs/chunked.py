"""A clip that a job reads, and writes again as stems that sum to it, chunk by chunk."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .. import presets
from ..audio import metadata, postprocess
from ..audio.files import ClipReader
from ..audio.plan import Chunk, front_view, plan
from ..audio.silence import PaddedWriter, Signal
from ..audio.stems import StemWriter, null_db, require_writable
from ..domain import Format, Manifest, Stem
from ..engine.recipe import Section
from ..engine.signal.rows import Heard
from ..jobs.run import JobRun
from ..jobs.sessions import Session, stamp

log = logging.getLogger(__name__)

# Has one stem written to each path, computing on the device.
WriteStems = Callable[[torch.device, list[Path]], None]


def heard(audio: NDArray[np.float32], rate: int, front_rate: int) -> Heard:
    """Audio (channels, frames) at `rate` as methods hear it, whose front is at another."""
    return Heard(torch.from_numpy(front_view(audio, rate, front_rate)), torch.from_numpy(audio), rate)


@dataclass
class ChunkedClip:
    """Chunks are of the clip's signal alone: what is no signal is put back as the stems are written.

    clipped: whether any stem went beyond full scale.
    """

    run: JobRun
    reader: ClipReader
    preset: presets.Preset[Section]
    sources: int
    form: Format
    clipped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        require_writable(self.form, self.reader.rate, self.reader.channels)
        self.carried = metadata.carried(self.reader, self.form)
        chunking = self.preset.about.chunk
        self.signal = Signal(self.reader, self.preset.about.silence, self.run.stop_if_cancelled)
        self.chunks = plan(self.signal.frames, self.reader.rate, chunking.seconds, chunking.overlap_s)

    @property
    def effects(self) -> tuple[dict[str, Any], ...]:
        """Those that are run on every stem."""
        return self.preset.about.postprocess

    @property
    def longest(self) -> int:
        """Frames of the longest chunk."""
        return max(chunk.frames for chunk in self.chunks)

    def read(self, chunk: Chunk) -> NDArray[np.float32]:
        """A chunk as it is: (channels, frames)."""
        return self.signal.read(chunk.start, chunk.frames)

    def heard(self, index: int, rate: int) -> Heard:
        """A chunk as methods hear it, whose front is at `rate`."""
        return heard(self.read(self.chunks[index]), self.reader.rate, rate)

    @contextmanager
    def writer(self, paths: Sequence[Path]) -> Iterator[PaddedWriter]:
        """Writes the stems, which sum to the clip; those that effects are run on, for these alone."""
        more = {} if self.effects else {"form": self.form, "carried": self.carried, "whole": self.reader.read}
        with PaddedWriter(self.signal, self.reader, paths, self.longest, **more) as writer:
            yield writer
        self._tell(writer)

    def write(self, writer: PaddedWriter, index: int, stems: NDArray[np.float32]) -> None:
        """Write a chunk's stems, (sources, channels, frames)."""
        following = self.chunks[index + 1] if index + 1 < len(self.chunks) else None
        writer.write(self.chunks[index], stems, following)

    def publish(
        self,
        results: Path,
        stems: Sequence[Stem],
        write_stems: WriteStems,
        more: Callable[[], dict[str, Any]] = dict,
        beside: Iterable[str] = (),
    ) -> Path:
        """Have the stems written, and the manifest with what `more` then says; returns the manifest's path.

        beside: names of folders that writing the stems may make, with stems in them that `more` tells of.
        """
        run, reader = self.run, self.reader
        names = [stem.path for stem in stems]

        def make(folder: Path) -> Manifest:
            paths = [folder / name for name in names]
            if self.effects:
                self._process(write_stems, paths)
            else:
                run.compute(lambda device: write_stems(device, paths))
            told = more()
            others = [[folder / stem.path for stem in one.stems] for one in told.get("alternatives", ())]
            run.notes += self.carried.warnings
            return run.manifest(
                format=self.form,
                preset=self.preset.name,
                rate=reader.rate,
                channels=reader.channels,
                frames=reader.frames,
                null_db=round(max(null_db(reader, group) for group in (paths, *others)), 1),
                inputs=reader.inputs,
                stems=tuple(stems),
                **told,
            )

        return run.publish(results, [*names, *beside], make)

    def as_written(self, paths: Sequence[Path]) -> dict[str, str]:
        """Stems that it has written, for `Session.separated`; none where effects or clipping changed them."""
        if self.effects or self.clipped:
            return {}
        try:
            return {str(path): stamp(path) for path in paths}
        except OSError:  # somebody was quick to take them away
            return {}

    def remember(self, session: Session) -> None:
        """A result that cannot be remembered is a result all the same: it can be corrected by its manifest."""
        try:
            if self.run.sessions is not None:
                self.run.sessions.add(session)
        except OSError as error:
            log.warning("session %s cannot be kept: %s", session.id, error)

    def _process(self, write_stems: WriteStems, paths: list[Path]) -> None:
        """Have the stems written elsewhere, and with the effects at `paths`."""
        with tempfile.TemporaryDirectory(dir=paths[0].parent) as folder:
            dry = [Path(folder) / path.name for path in paths]
            self.run.compute(lambda device: write_stems(device, dry))
            for source in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
                reader, path = self.reader, paths[0].parent / source.relative_to(folder)
                path.parent.mkdir(exist_ok=True)
                with StemWriter([path], reader.rate, reader.channels, reader.frames, self.form, self.carried) as writer:
                    postprocess.run(self.effects, source, writer, self.run.stop_if_cancelled)
                self._tell(writer)
        self.run.notes.append("The preset's effects were run on each stem, so the stems no longer sum to the clip.")

    def _tell(self, writer: StemWriter) -> None:
        self.run.notes += writer.warnings
        self.clipped |= bool(writer.warnings)
