"""The package as a library: a job done here and now, with a file or an array in and arrays out.

    import dap_bridge

    result = dap_bridge.separate("clip.wav")
    for stem, audio in zip(result.manifest.stems, result.stems, strict=True):
        print(stem.name, audio.shape, result.rate)

What the command line does, a function call does: the same verbs, fields, presets and errors (`dap_bridge.errors`).
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from . import config
from .domain import Job, Manifest, Progress
from .errors import BadRequest
from .jobs import results
from .jobs.sessions import Session, Sessions
from .jobs.unwatched import Unwatched
from .transport import protocol
from .verbs.request import JobVerb

# Audio as librosa has it, (frames,) or (channels, frames), or a file.
Clip = str | PathLike[str] | NDArray[np.floating]


@dataclass(frozen=True)
class Result:
    """What a job made. stems: (channels, frames) each, float32, at `rate`, in the manifest's order; alternatives: the
    stems of every answer, in the order of the manifest's `alternatives`, none where there is but one.
    """

    manifest: Manifest
    stems: list[NDArray[np.float32]]
    alternatives: list[list[NDArray[np.float32]]] = field(default_factory=list)

    @property
    def rate(self) -> int:
        return self.manifest.rate


def separate(
    clip: Clip,
    rate: int | None = None,
    *,
    sources: int = 2,
    preset: str = "default",
    seed: int = 0,
    alternatives: int | Literal["auto"] = 1,
    out: str | PathLike[str] | None = None,
    show: Callable[[Progress], None] | None = None,
) -> Result:
    """Split a clip into stems that sum to it.

    rate: of an array, in Hz. alternatives: how many answers at the most; "auto": three where the first one is doubtful.
    out: a folder that keeps manifest and stems; left out: they are in the answer alone. show: is told of the progress.
    Raises DapError.
    """
    fields = {"sources": sources, "preset": preset, "seed": seed, "alternatives": alternatives}
    return run("separate", clip, rate, out=out, show=show, **fields)


def run(
    verb: str,
    clip: Clip | None = None,
    rate: int | None = None,
    *,
    out: str | PathLike[str] | None = None,
    show: Callable[[Progress], None] | None = None,
    **fields: Any,
) -> Result:
    """Do any verb; `fields` as docs/protocol.md has them. The rest as for `separate`. Raises DapError."""
    from .jobs import worker

    with tempfile.TemporaryDirectory(prefix="dap-bridge-") as folder:
        scratch = Path(folder)
        if isinstance(clip, np.ndarray):
            fields["clip"] = str(_written(clip, rate, scratch / "clip.wav"))
        elif clip is not None:
            fields["clip"] = str(Path(clip).absolute())
        place = scratch / "out" if out is None else Path(out).absolute()
        asked = protocol.parse(verb, fields | {"out": str(place)})
        if not isinstance(asked, JobVerb):
            raise BadRequest(f"{verb!r} makes no result.")
        # an array, or what nobody keeps, is nothing that could be corrected later
        passing = out is None or isinstance(clip, np.ndarray)
        sessions = (_Known if passing else Sessions).below(config.load().data)
        control = _Shown(scratch / "job", sessions if "session" in fields or not passing else None, show)
        path = worker.run(Job(uuid.uuid4().hex[:12], asked.name, asked.request()), control, scratch)
        control.output.keep()
        manifest = results.read(path)
        further = [[path.parent / stem.path for stem in one.stems] for one in manifest.alternatives]
        return Result(manifest, _read(results.stems(path, manifest)), [_read(paths) for paths in further])


def _read(stems: Sequence[Path]) -> list[NDArray[np.float32]]:
    return [soundfile.read(stem, dtype="float32", always_2d=True)[0].T for stem in stems]


class _Known(Sessions):
    """The user's sessions, for a result that nobody keeps: it corrects one, and is none itself."""

    def add(self, session: Session) -> None:
        """Its stems are about to go."""


class _Shown(Unwatched):
    def __init__(self, folder: Path, sessions: Sessions | None, show: Callable[[Progress], None] | None) -> None:
        super().__init__(folder, sessions)
        self._show = show

    def report(self, progress: Progress) -> None:
        if self._show is not None:
            self._show(progress)


def _written(audio: NDArray[np.floating], rate: int | None, path: Path) -> Path:
    if rate is None:
        raise BadRequest("An array needs its rate, in Hz.", 'separate(audio, 44100), or separate("a.wav").')
    if audio.ndim not in (1, 2):
        raise BadRequest(f"Audio is (frames,) or (channels, frames), not {audio.shape}.")
    soundfile.write(path, audio.T, rate, subtype="FLOAT")
    return path
