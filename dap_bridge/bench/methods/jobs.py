"""Jobs done in this process, from files to files: what is measured is what the user gets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...domain import Job, Manifest
from ...jobs import results
from ...transport import protocol
from ...verbs.request import JobVerb

if TYPE_CHECKING:
    from ...engine.spread import Executor
    from ...jobs.sessions import Sessions


@dataclass(frozen=True)
class Answer:
    """What a job gave: its manifest, and where that lies."""

    manifest: Manifest
    path: Path

    def stems(self) -> list[NDArray[np.float64]]:
        """Those that the manifest names, (channels, frames) each."""
        return [soundfile.read(stem, always_2d=True)[0].T for stem in results.stems(self.path, self.manifest)]

    def alternatives(self) -> list[list[NDArray[np.float64]]]:
        """The stems of every answer; none where there is but one."""
        return [
            [soundfile.read(self.path.parent / stem.path, always_2d=True)[0].T for stem in one.stems]
            for one in self.manifest.alternatives
        ]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for clips and jobs, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dap-bridge-bench-") as folder:
        yield Path(folder)


def do(
    place: Path,
    verb: str,
    fields: dict[str, Any],
    *,
    name: str = "bench",
    sessions: Sessions | None = None,
    executor: Executor | None = None,
) -> Answer:
    """Do a job here and now, all that it makes in `place`. Raises DapError.

    name: of the job. sessions: where it keeps what can be corrected, and finds what it corrects. executor: who computes
    chunks beside this process.
    """
    # torch is loaded here, so that a command that only reads cached results starts at once
    from ...jobs import worker
    from ...jobs.unwatched import Unwatched

    message = protocol.parse(verb, fields | {"out": str(place / "out")})
    assert isinstance(message, JobVerb)
    control = Unwatched(place / "job", sessions, executor)
    path = worker.run(Job(name, message.name, message.request()), control, place)
    return Answer(results.read(path), path)
