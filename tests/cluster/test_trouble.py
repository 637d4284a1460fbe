"""What goes wrong with a cluster has a code and a sentence, and keeps no job from being done."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from dap_bridge import config, presets
from dap_bridge.config import Settings
from dap_bridge.domain import State
from dap_bridge.errors import BadSettings, WorkerRefused
from dap_bridge.jobs import results
from dap_bridge.jobs.workers import kinds
from dap_bridge.jobs.workers.dask import cluster
from dap_bridge.jobs.workers.dask.identity import Identity
from tests.cluster import certificates
from tests.hosts.conftest import missing
from tests.jobs.rig import STUB, STUB_RESULT, Rig, play
from tests.processes import CHECKOUT

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return certificates.write(tmp_path_factory.mktemp("signed") / "files")


@pytest.fixture(scope="module")
def address(files: dict[str, str]) -> Iterator[str]:
    """A scheduler's, whose port nobody has."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    names = {"ca-file": "CA", "cert": "CERT", "key": "KEY"}
    given = [f"--tls-{option}={files[f'DAP_BRIDGE_WORKERS_TLS_{name}']}" for option, name in names.items()]
    command = ["dask", "scheduler", "--protocol=tls", "--no-dashboard", f"--host={HOST}", f"--port={port}"]
    process = subprocess.Popen([sys.executable, "-m", *command, *given], stderr=subprocess.DEVNULL)
    yield f"tls://{HOST}:{port}"
    process.kill()
    process.wait()


Work = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def work(address: str, tmp_path: Path) -> Iterator[Work]:
    """work() -> a process for that scheduler, which gives up where there is none."""
    made: list[subprocess.Popen[str]] = []

    def one(**environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "dap_bridge", "worker", address, "--name", "studio"]
        pipes = {"stderr": subprocess.PIPE, "text": True}
        made.append(subprocess.Popen(command, env=os.environ | environment, cwd=CHECKOUT, **pipes))
        return made[-1]

    yield one
    for process in made:
        process.kill()
        process.communicate()


def settings(folder: Path, workers: str, **files: str) -> Settings:
    tls = {name.removeprefix("DAP_BRIDGE_").lower(): path for name, path in files.items()}
    return config.load(data=folder, workers=workers, device="cpu", cancel_grace_s=0.4, **tls)


def scene_of(folder: Path, setting: Settings, scene: Callable[[Rig], Awaitable[None]]) -> None:
    play(folder, scene, workers=kinds.made(setting.workers, setting, f"{STUB}:run", f"{STUB}:probe"))


def test_jobs_elsewhere_end_as_jobs_here_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAP_BRIDGE_DEVICE", "cpu")

    async def scene(rig: Rig) -> None:
        labels = {"ok": "ok", "kept": "ok", "bad": "bad-clip", "full": "full", "clean": "ok", "dies": "die"}
        for name, label in labels.items():
            rig.submit(name, label, **({"out": None} if name == "kept" else {}))
        failed = ["bad", "full", "dies"]
        ended = [State.FAILED if name in failed else State.DONE for name in labels]
        assert await rig.end(*labels) == ended
        errors = [rig.queue.get(name).error or {} for name in failed]
        assert [error["code"] for error in errors] == ["bad_clip", "out_of_memory", "worker_died"]
        assert errors[1]["message"] == "The stub has none. (On local-1.)"
        ok, kept, clean = (
            (place / "stem-1.wav").read_text()  # of which process
            for place in (tmp_path / "out-ok", tmp_path / "jobs" / "kept" / "result", tmp_path / "out-clean")
        )
        assert ok == kept != clean, "it is the same one, and another where memory was short"
        assert sorted(path.name for path in (tmp_path / "out-ok").iterdir()) == STUB_RESULT
        assert results.read(tmp_path / "out-ok").device_reason.endswith("On local-1, of this machine's cluster of 1.")
        whole = {"clip": str(big), "channel": [], "start": 0, "frames": None, "rate": None, "preset": "quick"}
        rig.submit("long", "spread 1", **whole)
        assert await rig.end("long") == [State.DONE]
        assert rig.runs() == ["long"], "it was this machine's own, and had the cluster compute"
        rig.submit("ended", "spread 1 60", **whole)
        await rig.began("ended")
        rig.queue.cancel("ended")
        assert await rig.end("ended") == [State.CANCELLED]
        for name, label in (("heeds", "sleep 60"), ("heeds-not", "stubborn 60")):
            rig.submit(name, label)
            await rig.running(name)
            rig.queue.cancel(name)
            began = time.monotonic()
            assert await rig.end(name) == [State.CANCELLED]
            rig.submit(f"after-{name}", "ok")
            assert await rig.end(f"after-{name}") == [State.DONE]
            assert time.monotonic() - began < 60, "the next one has not waited for it"
        assert all(one.device_reason.endswith("of this machine's cluster of 1.") for one in rig.progress)
        assert rig.left() == ["kept", "out-after-heeds", "out-after-heeds-not", "out-clean", "out-long", "out-ok"], (
            "no more"
        )

    big = tmp_path / "long.raw"
    big.touch()
    os.truncate(big, 1 << 26)
    scene_of(tmp_path, settings(tmp_path, "dask:local:1"), scene)


def test_a_certificate_of_another_signer_is_not_let_in(work: Work, tmp_path: Path) -> None:
    process = work(**certificates.write(tmp_path / "other"))
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "(workers_unreachable)" in told
    assert "do not trust each other" in told


def test_without_a_certificate_nobody_starts(work: Work, tmp_path: Path) -> None:
    process = work()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "(bad_settings)" in told
    assert "workers_tls_ca is missing" in told
    with pytest.raises(BadSettings, match="workers_tls_ca is missing"):
        scene_of(tmp_path, settings(tmp_path, "dask:tls://192.0.2.1:8786"), NotImplemented)
    with pytest.raises(BadSettings, match="asks nobody who he is"):
        scene_of(tmp_path, settings(tmp_path, "dask:tcp://192.0.2.1:8786"), NotImplemented)


@pytest.mark.parametrize("trouble", ["certificate", "preset", "disk"])
def test_what_keeps_a_cluster_from_a_job_is_told_in_the_result_that_this_machine_makes(
    trouble: str,
    work: Work,
    address: str,
    files: dict[str, str],
    tmp_path: Path,
    quick_presets: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cluster, "AWAY_S", 2.0)
    theirs, ours, clip = {}, files, tmp_path / "clip.wav"
    again: list[str] = []
    clip.write_bytes(bytes(1 << 20))
    match trouble:
        case "certificate":
            ours = certificates.write(tmp_path / "other")
            code, sentence = "workers_unreachable", "do not trust each other"
        case "preset":
            other = shutil.copytree(quick_presets, tmp_path / "presets")
            (other / "quick.toml").open("a").write("# another one\n")
            theirs = {"DAP_BRIDGE_PRESETS_DIR": str(other)}
            code, sentence = "worker_refused", "studio is given no jobs: The preset 'quick' is another one there."
        case "disk":
            disk = tmp_path / "disk"
            disk.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
            if subprocess.run(mount, check=False).returncode:
                missing("what mounts a small disk")
            theirs = {"TMPDIR": str(disk)}
            again = ["The job was begun anew: studio could not do it"]
            code, sentence = "output_unwritable", "studio is given no jobs: Nothing can be written in"
    work(**files, **theirs)

    async def scene(rig: Rig) -> None:
        while trouble != "certificate" and "studio" not in caplog.text:
            await asyncio.sleep(0.05)
        rig.submit("a", "ok", clip=str(clip), start=0, frames=None, rate=None)
        assert await rig.end("a") == [State.DONE]
        assert f"({code})" in caplog.text
        (*before, why) = results.read(tmp_path / "out-a").warnings
        assert why.startswith("This machine did the job itself: ")
        assert sentence in why
        assert [one.split(" (")[0] for one in before] == again

    try:
        with caplog.at_level("INFO"):
            scene_of(tmp_path, settings(tmp_path, f"dask:{address}", **ours), scene)
    finally:
        if trouble == "disk":
            subprocess.run(["umount", "-l", str(tmp_path / "disk")], check=True)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (Identity("0", "2", {"a": "1"}), "has dap-bridge 0, and here is 1"),
        (Identity("1", "3", {"a": "1"}), "has torch 3, and here is 2"),
        (Identity("1", "2", {"a": "2"}), "preset 'a' is another one there"),
        (Identity("1", "2", {}), "preset 'a' is missing there"),
    ],
)
def test_another_installation_is_refused_by_what_differs(other: Identity, sentence: str) -> None:
    here = Identity("1", "2", {"a": "1"})
    here.require(Identity("1", "2", {"a": "1", "of its own": "3"}))
    with pytest.raises(WorkerRefused, match=sentence):
        here.require(other)


def test_presets_are_told_apart_by_what_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Identity.here()
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    shutil.copy(presets.folders()[-1] / "default.toml", tmp_path / "default.toml")
    assert Identity.here().presets["default"] == before.presets["default"]
    (tmp_path / "default.toml").open("a").write("\n")
    assert Identity.here().presets["default"] != before.presets["default"]


def test_nothing_of_dask_is_loaded_without_a_cluster() -> None:
    code = (
        "import sys; from dap_bridge import config, daemon, doctor; from dap_bridge.jobs.workers import kinds;"
        "kinds.made('2', config.load()); doctor._workers(config.load(workers='2'));"
        "print(*{'dask', 'distributed'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert found.stdout.split() == []
