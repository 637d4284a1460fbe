"""Given stems on their way to a result: what they leave of the clip is one more."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ... import presets
from ...audio.files import ClipReader
from ...audio.stems import file_name
from ...domain import ClipRef, Format, Stem
from ...engine.events import Moved
from ...engine.methods import adopter
from ...engine.methods.adoption.recipe import AdoptionRecipe
from ...errors import BadClip
from ...jobs import device as devices
from ...jobs.run import JobRun
from ...jobs.sessions import Session, Sessions
from ..chunked import ChunkedClip
from .given import NOTHING_DB, Given, read_all, remainder_db
from .listening import Listening

AdoptionPreset = presets.Preset[AdoptionRecipe]

REMAINDER = "remainder"
IMPROVED = (
    "The answer of `separate` was blended into the stems: it helps bad stems, and may harm good ones. "
    "Compare with the stems as they were given."
)
# A chunk is held as samples and as spectrograms, of every stem, in several copies at the worst moment.
WORKING_COPIES = 8


def adopted(
    run: JobRun,
    results: Path,
    reader: ClipReader,
    given: Sequence[Given],
    preset: AdoptionPreset,
    *,
    improve: bool = False,
) -> Path:
    """The stems, and what they leave, as a result that boxes can correct; returns the path of the manifest.

    improve: blend an answer of our own into them. Raises BadClip where they cannot be the clip's.
    """
    rest = remainder_db(reader, given) > NOTHING_DB
    if len(given) + rest == 1:
        raise BadClip("The stem is the clip itself: it leaves nothing.", "Give stems that are parts of the clip.")
    titles = dict(enumerate([*(stem.title for stem in given), *([REMAINDER] if rest else [])], 1))
    form = run.format()
    clip = ChunkedClip(run, reader, preset, len(titles), form)
    devices.require_memory(clip.longest * reader.channels * (len(titles) + 1) * WORKING_COPIES * 4)
    run.notes += [note for stem in given for note in stem.notes]

    def correctable() -> bool:
        """Boxes move what the stems hold: these have to be all that there is."""
        return not (clip.effects or clip.clipped)

    stems = named(run, titles, form)
    with tempfile.TemporaryDirectory(prefix="dap-bridge-") as scratch:
        sessions = run.sessions or Sessions(Path(scratch), most_bytes=math.inf, most_days=math.inf)
        adoption = Adoption(clip, given, rest, improve, sessions)
        more = {"chunks": len(clip.chunks)}
        manifest = clip.publish(results, stems, adoption.write_stems, lambda: {"correctable": correctable(), **more})
    if correctable():
        request = run.job.request
        about = {"preset": preset.name, "seed": request["seed"], "format": form}
        session = Session(
            run.job.id,
            ClipRef.from_request(request).as_request() | about,
            "",
            "",
            str(manifest),
            adoption.kept,
            separated=clip.as_written([manifest.with_name(stem.path) for stem in stems]),
            titles=titles,
            verb="adopt",
        )
        clip.remember(session)
    return manifest


def named(run: JobRun, titles: Mapping[int, str], form: Format) -> list[Stem]:
    """Stems that are called so, by their indices."""
    names = run.file_names({file_name(index, form): title for index, title in titles.items()}, form)
    return [Stem(index, title, "source", name) for (index, title), name in zip(titles.items(), names, strict=True)]


def sounds(stems: int, rest: bool) -> int:
    """How many of so many stems are sounds: what one stem leaves is another, what several leave is none."""
    return max(2, stems - rest)


@dataclass
class Adoption:
    """Stems on their way into a result. rest: whether what they leave is one more; kept: see Listening."""

    clip: ChunkedClip
    given: Sequence[Given]
    rest: bool
    improve: bool
    sessions: Sessions
    kept: tuple[str, ...] = ()

    def write_stems(self, device: torch.device, paths: list[Path]) -> None:
        """One stem to each of `paths`, and what `refine` goes by into the job's sessions."""
        clip, run = self.clip, self.clip.run
        method, count = adopter(clip.preset.recipe), sounds(len(self.given) + self.rest, self.rest)
        listening = Listening(clip, method, self._read, count, self.sessions, run.job.request["seed"])
        if self.improve or run.sessions is not None:
            listening.listen(run.follow, device)
        self.kept = listening.kept
        moved: Iterator[Moved] = iter(())
        if self.improve and self.kept:
            moved = method.improve(listening.stems, listening.learned, len(clip.chunks))
            run.notes.append(IMPROVED)
        with clip.writer(paths) as writer:
            for chunk in clip.chunks:
                run.stop_if_cancelled()
                parts = self._read(chunk.index)
                clip.write(writer, chunk.index, listening.move(parts, next(moved, None), device))

    def _read(self, index: int) -> NDArray[np.float32]:
        """A chunk of all stems: (stems, channels, frames)."""
        chunk = self.clip.chunks[index]
        parts = read_all(self.given, chunk.start, chunk.frames)
        if not self.rest:
            return parts
        left = self.clip.read(chunk) - parts.sum(0, dtype=np.float64)
        return np.concatenate([parts, left[None].astype(np.float32)])
