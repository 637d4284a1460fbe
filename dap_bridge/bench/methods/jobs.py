"""Jobs done in this process, from files to files: what is measured is what the user gets."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...domain import Job
from ...transport import protocol, verbs

if TYPE_CHECKING:
    from ...jobs.sessions import Sessions


@dataclass(frozen=True)
class Answer:
    """What a job gave: its manifest, and the folder where it lies."""

    manifest: dict[str, Any]
    folder: Path

    def stems(self) -> list[NDArray[np.float64]]:
        """Those that the manifest names, (channels, frames) each."""
        return [soundfile.read(self.folder / stem["path"], always_2d=True)[0].T for stem in self.manifest["stems"]]


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for clips and jobs, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dap-bridge-bench-") as folder:
        yield Path(folder)


def do(
    place: Path, verb: str, fields: dict[str, Any], *, name: str = "bench", sessions: Sessions | None = None
) -> Answer:
    """Do a job here and now, all that it makes in `place`. Raises DapError.

    name: of the job. sessions: where it keeps what can be corrected, and finds what it corrects.
    """
    # torch is loaded here, so that a command that only reads cached results starts at once
    from ...jobs import worker
    from ...jobs.mailbox import Mailbox

    message = protocol.parse(verb, fields | {"out": str(place / "out")})
    assert isinstance(message, verbs.JobVerb)
    mailbox = Mailbox(place / "mailbox", sessions)
    mailbox.open()
    path = worker.run(Job(name, message.name, message.request()), mailbox, place)
    return Answer(json.loads(path.read_text(encoding="utf-8")), path.parent)
