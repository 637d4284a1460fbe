"""`python -m dap_bridge.bench.scaling.served WORKERS BYTES GATE`: a daemon whose workers take no time.

What is left of a job is what the daemon does for it: the table, the watch, and stems of BYTES in all, which it
publishes as it does what comes from far away. Nothing is begun before the file GATE is there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from ... import config, console
from ...daemon import Daemon
from ...domain import Job, Lane, Manifest, Stem
from ...jobs import results
from ...jobs.device import Device
from ...jobs.folder import JobFolder
from ...jobs.workers.worker import Tell

STEMS = ("stem-1.wav", "stem-2.wav")
GATE_S = 0.05


class Instant:
    """A worker whose results are there at once."""

    lane = Lane.BATCH
    device = Device("cpu", "Nothing is computed.")
    corrects = False

    def __init__(self, number: int, size: int, gate: Path) -> None:
        self.name = f"instant:{number}"
        self._sound, self._gate = os.urandom(size // len(STEMS)), gate

    def end_predecessor(self) -> None:
        """There is no process."""

    async def warm(self) -> None:
        """It is."""

    async def run(self, job: Job, folder: JobFolder, tell: Tell) -> Path:
        while not self._gate.exists():
            await asyncio.sleep(GATE_S)
            tell(None)
        return await asyncio.to_thread(_publish, job, folder, self._sound)

    def cancel(self) -> None:
        """It is too late."""

    def kill(self) -> None:
        """There is nothing to end."""

    def close(self) -> None:
        """Nor now."""


def _publish(job: Job, folder: JobFolder, sound: bytes) -> Path:
    out = Path(job.request["out"] or folder.results())
    stage = folder.output.stage(out, job.id, [*STEMS, results.MANIFEST])
    for name in STEMS:
        (stage / name).write_bytes(sound)
    stems = tuple(Stem(number, name, "source", name) for number, name in enumerate(STEMS, 1))
    results.write(
        stage,
        Manifest(
            job=job.id,
            verb=job.verb,
            preset=job.request["preset"],
            seed=0,
            device="cpu",
            device_reason=Instant.device.reason,
            rate=44_100,
            channels=2,
            frames=1,
            elapsed_s=0.0,
            iterations=0,
            null_db=None,
            session=job.id,
            inputs=(),
            stems=stems,
        ),
    )
    return folder.output.publish(last=results.MANIFEST)


async def _serve(count: int, size: int, gate: Path) -> None:
    end = asyncio.Event()
    daemon = Daemon(config.load(), [Instant(number, size, gate) for number in range(count)])
    with console.told_of_endings(end.set):
        await daemon.start()
        await end.wait()
        await daemon.stop()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
