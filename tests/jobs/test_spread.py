"""A long clip by several processes: what comes of it is the same to the bit, whatever becomes of them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tomli_w

from dap_bridge import config
from dap_bridge.cli.root import CANCELLED
from dap_bridge.domain import Job, State
from dap_bridge.engine import spread
from dap_bridge.engine.spread import Executor, one_thread
from dap_bridge.jobs import worker
from dap_bridge.jobs.sessions import Sessions
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.jobs.workers import kinds
from dap_bridge.jobs.workers.dask import cluster as dask
from dap_bridge.jobs.workers.local import processes
from dap_bridge.jobs.workers.local.processes import Processes, offered
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb
from tests.jobs.refining import RATE
from tests.jobs.rig import STUB, Rig, play
from tests.processes import CHECKOUT, until

# What no two runs of a job have in common.
OWN = ("elapsed_s", "inputs", "examples")
PATHS = {"PYTHONPATH": str(CHECKOUT)}
# Where processes of a cluster leave word.
HERE = "TEST_CLUSTER"
posix = pytest.mark.skipif(sys.platform == "win32", reason="sends signals as POSIX does")
Run = Callable[..., tuple[dict[str, Any], dict[str, str]]]


@pytest.fixture(scope="module")
def two() -> Iterator[Processes]:
    """Started once: each loads torch."""
    with offered(2) as executor:
        assert executor is not None
        yield executor


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """Two processes of Dask's on this machine, which find their way to this module and to its folder."""
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in (PATHS | {HERE: str(folder)}).items():
            environment.setenv(name, value)
        with kinds.executor("dask:local:2", config.load(data=folder, device="cpu")) as executor:
            assert executor is not None
            yield executor


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """run(verb, name, executor, **fields) -> what the manifest says, and a digest of every file that was made, of
    results and of what was learned.
    """

    def one(verb: str, name: str, executor: Executor | None, **fields: Any) -> tuple[dict[str, Any], dict[str, str]]:
        home = tmp_path / name
        message = protocol.parse(verb, {"out": str(home / "out"), "device": "cpu"} | fields)
        assert isinstance(message, JobVerb)
        sessions = Sessions(home / "sessions", most_bytes=1e9, most_days=1)
        control = Unwatched(home / "job", sessions, executor)
        with one_thread():
            path = worker.run(Job("job", verb, message.request()), control, tmp_path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        made = [*home.glob("out/**/*.wav"), *home.glob("sessions/fits/*")]
        digests = {str(p.relative_to(home)): hashlib.sha256(p.read_bytes()).hexdigest() for p in made}
        return {key: value for key, value in manifest.items() if key not in OWN}, digests

    return one


@pytest.fixture
def fields(clip: Path, three_chunks: str, write_clip: Callable[..., Path]) -> dict[str, Any]:
    """A separation with all that is carried to a chunk and back."""
    generator = np.random.default_rng(1)
    example = write_clip(0.1 * generator.standard_normal((1, RATE // 2)).astype(np.float32), RATE, "hiss.wav")
    return {
        "clip": str(clip),
        "preset": three_chunks,
        "sources": 3,
        "alternatives": "2",
        "residual": True,
        "like": [f"2:0:::{example}"],
        "only": ["stem=1,start=0.2,end=0.4"],
        "silent": ["stem=3,start=0.9,end=1.2"],
    }


class Counted:
    """Another executor, and how much it was asked to do; what is done in the place of some of it."""

    def __init__(self, by: Executor, instead: dict[int, Callable[[bytes], bytes]] | None = None) -> None:
        self.count = 0
        self._by, self._instead = by, instead or {}

    @property
    def at_once(self) -> int:
        return self._by.at_once

    def submit(self, function: Callable[[bytes], bytes], packed: bytes, /) -> Future[bytes]:
        self.count += 1
        return self._by.submit(self._instead.get(self.count, function), packed)


def die(_: bytes) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def die_once(packed: bytes) -> bytes:
    """The first time with the worker that it is done by."""
    died = Path(os.environ[HERE]) / "died"
    if not died.exists():
        died.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return spread._done(packed)


def endless(_: bytes) -> bytes:
    (Path(os.environ[HERE]) / f"{os.getpid()}.pid").touch()
    time.sleep(600)
    return b""


def test_a_denoising_is_the_same_by_two(run: Run, clip: Path, quick_presets: Path, two: Processes) -> None:
    table = tomllib.loads((quick_presets / "quick-denoise.toml").read_text(encoding="utf-8"))
    table["chunk"] = {"seconds": 0.6, "overlap_s": 0.1}
    table["speech"]["filled_db"] = -100.0  # whatever is in its pauses, it is separated
    (quick_presets / "short-denoise.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    alone = run("denoise", "alone", None, clip=str(clip), preset="short-denoise")
    executor = Counted(two)
    assert run("denoise", "two", executor, clip=str(clip), preset="short-denoise") == alone
    assert executor.count == 2 * 3, "chunks are described, and answered"


@posix
def test_a_separation_is_the_same_whoever_computes_it(run: Run, fields: dict[str, Any], two: Processes) -> None:
    alone, made = run("separate", "alone", None, **fields)
    assert alone["chunks"] == 3
    assert len(made) == (3 + 1) + 3 + 2 * 3, "stems and a residual, another answer's, what was learned of both"
    assert run("separate", "two", two, **fields) == (alone, made)
    manifest, files = run("separate", "killed", Counted(two, {2 * 3 - 1: die}), **fields)
    assert files == made, "what a process that is killed was to do is done by the job's own"
    (warning,) = set(manifest.pop("warnings")) - set(alone["warnings"])
    assert "status -9" in warning
    assert manifest == {key: value for key, value in alone.items() if key != "warnings"}


@posix
def test_a_chunk_that_nobody_waits_for_is_ended_in_a_cluster(cluster: Executor) -> None:
    folder = Path(os.environ[HERE])
    chunk = cluster.submit(endless, b"")
    until(lambda: any(folder.glob("*.pid")) or chunk.done(), 120)
    (computing,) = (psutil.Process(int(note.stem)) for note in folder.glob("*.pid"))
    chunk.cancel()
    assert psutil.wait_procs([computing], timeout=10)[1] == []


@posix
def test_a_separation_is_the_same_by_a_cluster_that_loses_a_worker(
    run: Run, fields: dict[str, Any], cluster: Executor
) -> None:
    alone = run("separate", "alone", None, **fields)
    executor = Counted(cluster, {2: die_once})
    assert run("separate", "cluster", executor, **fields) == alone
    assert executor.count == 2 * 3, "nothing of it was left to the job's own process"


def test_a_cluster_without_anybody_leaves_it_to_the_jobs_own_process(
    run: Run, clip: Path, three_chunks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "AWAY_S", 0.5)
    with kinds.executor("dask:tcp://127.0.0.1:1", config.load(data=tmp_path)) as nobody:
        assert nobody is not None
        manifest, _ = run("separate", "nobody", nobody, clip=str(clip), preset=three_chunks)
        assert nobody.at_once == 0
    assert any("tcp://127.0.0.1:1 cannot be reached" in warning for warning in manifest["warnings"])


def test_one_chunk_and_little_memory_start_nothing(
    run: Run, clip: Path, three_chunks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with offered(1) as nobody:
        assert nobody is None
    before = psutil.Process().children()
    with offered(2) as executor:
        assert executor is not None
        run("separate", "short", executor, clip=str(clip), preset="quick")
        monkeypatch.setattr(processes, "PROCESS_BYTES", 1 << 60)
        run("separate", "long", executor, clip=str(clip), preset=three_chunks)
        assert executor.at_once == 0
        assert psutil.Process().children() == before


def test_a_daemons_jobs_have_as_many_processes_as_there_are_workers(tmp_path: Path) -> None:
    settings = config.load(data=tmp_path, workers="2", device="cpu")
    first, *_ = kinds.made(settings.workers, settings, f"{STUB}:run", f"{STUB}:probe")

    async def scene(rig: Rig) -> None:
        rig.submit("a", "spread 2")
        assert await rig.end("a") == [State.DONE]

    play(tmp_path, scene, workers=[first])


@posix
def test_whoever_cancels_a_long_separation_ends_its_processes(clip: Path, quick_presets: Path, tmp_path: Path) -> None:
    table = tomllib.loads((quick_presets / "quick.toml").read_text(encoding="utf-8"))
    table["chunk"] = {"seconds": 0.6, "overlap_s": 0.1}
    table["pool"][0]["updates"] = 10_000_000  # hours of work in every process
    (quick_presets / "endless.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    out = tmp_path / "out"
    typed = ["separate", clip, "--preset", "endless", "--workers", "2", "--device", "cpu", "--out", out, "--json"]
    with started("-m", "dap_bridge", *typed) as job:
        computing = children(job, 2, least=150 << 20)
        job.send_signal(signal.SIGINT)
        job.communicate(timeout=60)
    assert psutil.wait_procs(computing, timeout=0)[1] == []
    assert job.returncode == CANCELLED
    assert not out.exists()


# A job's own process, whose others sleep in place of chunks.
SLEEPING = """
from dap_bridge.jobs.workers.local.processes import Processes
from time import sleep

if __name__ == "__main__":
    processes = Processes(2)
    for future in [processes.submit(sleep, 600) for _ in range(2)]:
        future.result()
"""


@posix
def test_processes_end_with_the_one_that_they_compute_for(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(SLEEPING, encoding="utf-8")
    with started(script) as job:
        computing = children(job, 2)
        job.kill()
    assert psutil.wait_procs(computing, timeout=30)[1] == []


@contextlib.contextmanager
def started(*typed: object) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, *map(str, typed)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, env=os.environ | PATHS) as job:
        try:
            yield job
        finally:
            job.kill()


def children(job: subprocess.Popen[bytes], count: int, least: int = 0) -> list[psutil.Process]:
    """The processes that were spawned, once so many hold so many bytes: with torch loaded they compute."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        spawned = [one for one in psutil.Process(job.pid).children() if "spawn_main" in " ".join(one.cmdline())]
        if len(spawned) == count and all(one.memory_info().rss >= least for one in spawned):
            return spawned
        assert job.poll() is None
        time.sleep(0.1)
    raise AssertionError(f"{count} processes do not compute")
