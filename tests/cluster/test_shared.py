"""What lies in folders that both machines see does not travel; where they see something else, it does; and who is there
is told.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from dap_bridge import config, console
from dap_bridge.config import Shared
from dap_bridge.domain import State
from dap_bridge.jobs import results
from dap_bridge.jobs.sessions import Sessions
from dap_bridge.jobs.workers import kinds
from dap_bridge.jobs.workers.dask import address, cluster, errand, roll, station
from dap_bridge.jobs.workers.dask.cluster import Cluster
from dap_bridge.jobs.workers.dask.shared import Place, places
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb
from tests.jobs.rig import Rig, play
from tests.processes import CHECKOUT, until
from tests.terminal import dap

HOST, RATE = "127.0.0.1", 22_050
STEMS = ["alternative-2/stem-1.wav", "alternative-2/stem-2.wav", "stem-1.wav", "stem-2.wav"]


class Studio(NamedTuple):
    """A scheduler, and one worker, which is called studio."""

    address: str
    worker: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def studio(quick_presets: Path) -> Iterator[Studio]:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        where = f"tcp://{HOST}:{probe.getsockname()[1]}"
    environment = os.environ | {"DAP_BRIDGE_PRESETS_DIR": str(quick_presets), "OMP_NUM_THREADS": "1"}
    port = f"--port={where.rpartition(':')[2]}"
    commands = [
        ["dask", "scheduler", "--no-dashboard", f"--host={HOST}", port],
        ["dap_bridge", "worker", where, "--name", "studio"],
    ]
    processes = [
        subprocess.Popen([sys.executable, "-m", *command], env=environment, cwd=CHECKOUT, stderr=subprocess.DEVNULL)
        for command in commands
    ]
    yield Studio(where, processes[-1])
    for process in processes:
        process.kill()
        process.wait()


class Folders(NamedTuple):
    """here, there: one folder by two paths; ours, theirs: two that are taken for one."""

    here: Path
    there: Path
    ours: Path
    theirs: Path


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    made = Folders(*(tmp_path / name for name in Folders._fields))
    for folder in (made.here, made.ours, made.theirs):
        folder.mkdir()
    made.there.symlink_to(made.here)
    return made


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done here, however late the other machine is."""
    for name in ("AWAY_S", "INTRODUCED_S"):
        monkeypatch.setattr(cluster, name, 1000.0)


@pytest.fixture
def travelled(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many bytes of clips and results went over the wire, by the function that took them; what is written into the
    folder `lost` arrives nowhere.
    """
    found: dict[str, int] = {}
    before = Cluster.call

    async def call(self: Cluster, remote: Any, function: Callable[..., Any], *arguments: Any) -> Any:
        if function is station.put and "lost" in str(arguments):
            return ""
        answer = await before(self, remote, function, *arguments)
        size = sum(len(one) for one in (*arguments, answer) if isinstance(one, bytes))
        found[function.__name__] = found.get(function.__name__, 0) + size
        return answer

    monkeypatch.setattr(Cluster, "call", call)
    return found


def stems(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.wav")}


def test_what_both_machines_see_stays_where_it_is(
    folders: Folders,
    studio: Studio,
    travelled: dict[str, int],
    tmp_path: Path,
    write_clip: Callable[..., Path],
    noise: Callable[..., np.ndarray],
    caplog: pytest.LogCaptureFixture,
) -> None:
    clip = write_clip(noise(2, RATE // 2), RATE, "here/clip.wav")
    other = write_clip(noise(2, RATE // 2, 1), RATE, "theirs/clip.wav")
    outside = tmp_path / "clip.wav"
    for copy in (outside, folders.ours / "clip.wav"):
        shutil.copy2(clip, copy)
    os.utime(other, ns=(clip.stat().st_atime_ns, clip.stat().st_mtime_ns))
    (folders.here / "out.wav").symlink_to(outside)
    (folders.theirs / "out.wav").symlink_to(clip)
    shutil.copy2(clip, folders.ours / "out.wav")
    settings = config.load(
        data=tmp_path / "data",
        workers=f"dask:{studio.address}",
        workers_shared=[f"{folders.here}={folders.there}", f"{folders.ours}={folders.theirs}"],
    )
    told: dict[str, tuple[int, int, list[str]]] = {}

    async def scene(rig: Rig) -> None:
        for name, paths, place in (
            ("sent", [outside, outside], tmp_path),
            ("seen", [clip, clip], folders.here),
            ("lost", [clip, clip], folders.here),
            ("unseen", [folders.ours / "clip.wav", folders.ours / "out.wav"], folders.ours),
        ):
            travelled.clear()
            caplog.clear()
            channels = [f"{number}:{path}" for number, path in enumerate(paths)]
            fields = {"channel": channels, "preset": "quick", "alternatives": "2", "out": str(place / name)}
            request = protocol.parse("separate", fields)
            assert isinstance(request, JobVerb)
            rig.queue.submit(name, "separate", request.request())
            assert await rig.end(name) == [State.DONE], rig.queue.get(name).error
            warnings = [one.getMessage() for one in caplog.records if one.name == errand.__name__]
            told[name] = (travelled.get("write", 0), travelled["read"], warnings)
            made = results.read(place / name)
            assert list(dict.fromkeys(one["path"] for one in made.inputs)) == list(dict.fromkeys(map(str, paths)))
            assert "On studio, of the cluster" in made.device_reason
            assert made.warnings == results.read(tmp_path / "sent").warnings
            assert sorted(stems(place / name)) == STEMS
            assert stems(place / name) == stems(tmp_path / "sent")
            assert not list(place.glob(f"{name}/.*"))

    with caplog.at_level("WARNING"):
        play(tmp_path, scene, workers=kinds.made(settings.workers, settings))
    size = clip.stat().st_size
    sound = sum(map(len, stems(tmp_path / "sent").values()))
    learned = told["sent"][1] - sound
    assert told["sent"] == (size, sound + learned, [])
    assert told["seen"] == (0, learned, [])
    assert told["lost"][:2] == (0, sound + learned)
    assert f"comes as bytes to {folders.here}/lost, though it is shared: it is another one here" in told["lost"][2][0]
    assert told["unseen"][:2] == (2 * size, sound + learned)
    other, led_out, out = told["unseen"][2]
    assert f"{folders.ours}/clip.wav goes to studio as bytes, though it is shared: " in other
    assert "It is another one" in other
    assert f"It leads out of {folders.theirs}" in led_out
    assert f"comes as bytes to {folders.ours}/unseen, though it is shared: " in out
    kept = Sessions.below(settings.data)
    assert kept.has_learned(kept.get("seen"))
    assert kept.get("seen").source == kept.get("sent").source


def test_no_way_leads_out_of_a_shared_folder(folders: Folders) -> None:
    (folders.here / "in").mkdir()
    (folders.here / "out").symlink_to(folders.ours)
    both = [Shared(folders.there, "/a"), Shared(folders.here / "in", "/b"), Shared(folders.theirs, "/c")]
    assert places(folders.here / "in" / "clip.wav", both) == (
        Place("/a", ("in", "clip.wav")),
        Place("/b", ("clip.wav",)),
    )
    assert places(folders.here / "out" / "clip.wav", both) == places(folders.here / ".." / "clip.wav", both) == ()
    for names in (("..", "ours"), (str(folders.ours),), ("in", "..", "..", "ours"), ("out",)):
        with pytest.raises(PermissionError, match="It leads out of"):
            Place(str(folders.there), names).found()
    assert Place(str(folders.there), ("in",)).found() == folders.here / "in"


def test_what_waits_for_a_worker_is_not_under_way(
    studio: Studio,
    tmp_path: Path,
    write_clip: Callable[..., Path],
    noise: Callable[..., np.ndarray],
    quick_presets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console, "LINE_EVERY_S", 0.0)
    # long enough for reports of it to come, on any machine
    slow = 'base = "quick"\ntitle = "Slow"\n[refinement]\niterations = 400\n'
    (quick_presets / "slow.toml").write_text(slow, encoding="utf-8")
    for number in range(3):
        write_clip(noise(1, RATE // 4, number), RATE, f"clips/{number}.wav")
    done = dap("separate", tmp_path / "clips", "-p", "slow", "--workers", f"dask:{studio.address}")
    assert done.returncode == 0, done.stderr
    assert "of 3, 1.wav: " in done.stderr
    assert "under way" not in done.stderr, "there is one worker"


def test_the_doctor_tells_who_is_there_and_who_may_do_nothing(
    studio: Studio, folders: Folders, tmp_path: Path, quick_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(**settings: object) -> dict[str, tuple[bool, str, str]]:
        with monkeypatch.context() as patch:
            for name, value in ({"workers": f"dask:{studio.address}"} | settings).items():
                patch.setenv(f"DAP_BRIDGE_{name.upper()}", str(value))
            checks = json.loads(dap("doctor", "--json").stdout)["checks"]
        told = {one["name"]: (one["ok"], one["found"], one["fix"]) for one in checks}
        return {name: one for name, one in told.items() if name.startswith(("worker", "shared"))}

    for name in ("CONNECT_S", "ANSWER_S"):
        monkeypatch.setattr(roll, name, 100.0)
    well = until(lambda: found().get("worker studio"), 100.0)
    assert well[0]
    assert well[1].startswith("cpu: ")
    shutil.copytree(quick_presets, tmp_path / "presets")
    (tmp_path / "presets" / "quick.toml").open("a").write("# another one\n")
    refused = found(presets_dir=tmp_path / "presets", workers_shared=f"{folders.here}={folders.there}:/not-there")
    assert refused == {
        "worker studio": (False, "The preset 'quick' is another one there.", "Copy the presets to that machine."),
        f"shared folder {folders.here}": (True, f"{folders.there} on workers", ""),
        "shared folder /not-there": (False, "It is not there.", "See the setting `workers_shared`."),
    }
    studio.worker.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(roll, "ANSWER_S", 0.5)
    assert "has not answered within 0.5 s" in found()["worker studio"][1]
    studio.worker.send_signal(signal.SIGCONT)
    assert "cannot be reached" in found(workers=f"dask:tcp://{HOST}:1")["workers"][1]
    assert "workers_tls_ca is missing" in found(workers="dask:tls://192.0.2.1:8786")["workers"][1]
    assert found(workers="dask:local:2") == {"workers": (True, "2 on this machine, which begin with the daemon", "")}
    assert found(workers="2") == {}
    monkeypatch.setattr(address, "find_spec", lambda _: None)
    assert "dap-bridge[cluster]" in found()["workers"][2]
