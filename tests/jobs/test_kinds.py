"""What the setting `workers` stands for."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from concurrent.futures import Executor
from pathlib import Path

import psutil
import pytest
import torch

from dap_bridge import config
from dap_bridge.domain import Lane, State
from dap_bridge.errors import BadSettings
from dap_bridge.jobs import device
from dap_bridge.jobs.workers import kinds
from dap_bridge.jobs.workers.local import process
from dap_bridge.jobs.workers.local.process import Share
from tests.conftest import Start
from tests.jobs.rig import STUB, Rig, play
from tests.processes import STUB as DAEMON
from tests.processes import until


@pytest.mark.parametrize("count", [1, 3])
def test_a_number_of_workers_serve_the_queue_at_once_and_each_is_remembered(tmp_path: Path, count: int) -> None:
    settings = config.load(data=tmp_path, workers=str(count), device="cpu")
    workers = kinds.made(settings.workers, settings, f"{STUB}:run", f"{STUB}:probe")
    assert [worker.lane for worker in workers] == [Lane.BATCH] * count + [Lane.INTERACTIVE]
    assert len({worker.name for worker in workers}) == count + 1

    async def scene(rig: Rig) -> None:
        names = [f"job-{number}" for number in range(count)]
        for name in names:
            rig.submit(name, "wait")
        for name in names:
            await rig.began(name)
        notes = [json.loads(note.read_text()) for note in tmp_path.glob("worker*.json")]
        assert sorted(str(pid) for ((pid, _),) in notes) == sorted(rig.pids()), "a process a job, and a note a process"
        for name in names:
            (tmp_path / f"{name}.go").touch()
        assert set(await rig.end(*names)) == {State.DONE}

    play(tmp_path, scene, workers=workers)


def threads_of(pool: Executor) -> int:
    with pool:
        return pool.submit(torch.get_num_threads).result()


def test_processes_on_one_gpu_ask_for_no_more_memory_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a person's own lane is there, however many others are."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # where there are several, they would have one each
    places = [(Lane.BATCH, Share(1, 2)), (Lane.BATCH, Share(2, 2)), (Lane.INTERACTIVE, Share())]
    with contextlib.ExitStack() as stack:
        pools = [stack.enter_context(process.pool(*place)) for place in places]
        shares = [pool.submit(device.gpu_share) for pool in pools]
        found = [share.result() for share in shares]
    assert found[0] == found[1] < 0.5 and found[2] > 0.2
    assert sum(found) < 1.0


def test_workers_share_the_threads_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = os.cpu_count() or 1
    assert threads_of(process.pool(share=Share(1, cores))) == 1
    if cores >= 4:
        assert threads_of(process.pool(share=Share(2, 2))) == cores // 2
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads_of(process.pool(share=Share())) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no process can be killed here")
def test_a_daemon_of_fewer_workers_ends_all_that_a_killed_one_had(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("workers = 3")
    daemon = start("stub", "-m", DAEMON, DAP_BRIDGE_CONFIG=str(file))
    notes = [daemon.data / f"worker{number}.json" for number in ("", "-2", "-3")]
    until(lambda: all(note.exists() for note in notes))
    left = [psutil.Process(json.loads(note.read_text())[0][0]) for note in notes]
    for one in left:  # so that none notices that its daemon is gone
        one.suspend()
    daemon.end(signal.SIGKILL)
    file.write_text("workers = 1")
    daemon.start()
    assert psutil.wait_procs(left, timeout=10)[1] == []


@pytest.mark.parametrize("text", ["0", "two", "-1", "dask:host:8786", "dask:local:0", "ray:tls://host:1"])
def test_what_stands_for_no_worker_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadSettings, match="workers cannot be"):
        config.load(workers=text)
