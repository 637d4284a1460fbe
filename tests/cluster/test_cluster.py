"""A scheduler and two workers on machines of their own, of which one is killed, one stops, and the scheduler is begun
anew: no job is lost, none is done twice, and each is as if it had been done here.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from dap_bridge.jobs import results
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb
from tests.cluster import certificates
from tests.conftest import Start
from tests.network import Machine, Network
from tests.processes import Process, until

RATE, PORT = 22_050, 8786
ROUNDS = 4
# A preset by which a clip has many.
CHUNKS = "chunks"
STOPPED_S = 20.0
BOX = ("stem=1,op=deactivate,start=0.2,end=0.6,low=200,high=4000",)
# However busy the machine is.
LONGEST_S = 300.0


def requests(folder: Path, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]) -> dict[str, Any]:
    """Of every verb one at least, by its name, whose files lie in every way that a request can name; the corrections
    after what they correct.
    """
    clip = str(write_clip(noise(2, RATE), RATE, "clip.wav", subtype="PCM_24"))
    other = str(write_clip(noise(1, RATE)[:, ::-1], RATE, "other.wav"))
    long = str(write_clip(noise(2, 60 * RATE), RATE, "long.wav", subtype="PCM_16"))
    packed = str(write_clip(noise(2, RATE), RATE, "clip.flac", subtype="PCM_16"))
    quick = {"preset": "quick"}
    return {
        "whole": ("separate", {"clip": packed, **quick}),
        "chunks": ("separate", {"clip": long, "frames": 7 * RATE, "rate": RATE, "preset": CHUNKS}),
        "stretch": ("separate", {"clip": long, "start": 30 * RATE, "frames": RATE, "format": "24", **quick}),
        "channels": ("separate", {"channel": [f"1:{clip}", f"0:{other}"], "like": [f"1:100:9000::{long}"], **quick}),
        "several": ("separate", {"clip": clip, "alternatives": "2", "seed": 3, **quick}),
        "shared": ("coseparate", {"item": [f"0:::{clip}", f"0:{RATE}:{RATE}:"], "channel": [f"2:0:{other}"]}),
        "speech": ("denoise", {"clip": clip, "noise_like": [f"0:8000::{other}"]}),
        "more": ("texture", {"clip": clip, "mode": "fill", "length": 4000, "after": packed, "after_start": 5}),
        "refined": ("refine", {"session": "whole", "box": BOX}),
        "undone": ("undo", {"session": "refined"}),
        "chosen": ("choose", {"session": "several", "alternative": 2}),
    }


def message(name: str, verb: str, fields: dict[str, Any], number: int, out: Path) -> JobVerb:
    session = {"session": f"{fields['session']}-{number}"} if "session" in fields else {}
    preset = {} if "session" in fields or "preset" in fields else {"preset": f"quick-{verb}"}
    made = protocol.parse(verb, {**fields, **session, **preset, "job": f"{name}-{number}", "out": str(out)})
    assert isinstance(made, JobVerb)
    return made


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with Network(tmp_path, 3) as made:
        yield made


def stems(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.wav")}


def done(daemon: Process) -> list[str]:
    """The names of the jobs that are done, each as often as it was."""
    assert " failed: " not in daemon.log.read_text(), daemon.log.read_text()[-2000:]
    return re.findall(r"INFO job (\S+) done$", daemon.log.read_text(), re.MULTILINE)


@pytest.mark.timeout(900)
def test_machines_come_and_go_and_every_job_is_done_once_and_as_here(
    network: Network,
    start: Start,
    tmp_path: Path,
    write_clip: Callable[..., Path],
    noise: Callable[..., np.ndarray],
    quick_presets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    scheduler, first, second = network.machines
    files = certificates.write(tmp_path / "certificates")
    address = f"tls://{scheduler.address}:{PORT}"
    schedule(scheduler, files)
    killed, stopped = (work(machine, address, files) for machine in (first, second))
    table = tomllib.loads((quick_presets / "quick.toml").read_text(encoding="utf-8"))
    table["chunk"] = {"seconds": 0.6, "overlap_s": 0.1}
    (quick_presets / f"{CHUNKS}.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    wanted = requests(tmp_path, write_clip, noise)

    here = start("here", "-m", "dap_bridge", "serve", DAP_BRIDGE_DEVICE="cpu")
    for name, (verb, fields) in wanted.items():
        here.client.send(message(name, verb, fields, 0, here.home / name))
    until(lambda: len(done(here)) == len(wanted), LONGEST_S)
    here.end()

    daemon = start(
        "cluster", "-m", "dap_bridge", "serve", DAP_BRIDGE_DEVICE="cpu", DAP_BRIDGE_WORKERS=f"dask:{address}", **files
    )
    names: list[str] = []

    def ask(numbers: range) -> None:
        for number in numbers:
            for name, (verb, fields) in wanted.items():
                names.append(f"{name}-{number}")
                sent = message(name, verb, fields, number, daemon.home / names[-1])
                assert next(daemon.client.request(sent)).name == "accepted"

    ask(range(ROUNDS // 2))
    until(lambda: len(done(daemon)) >= 4, LONGEST_S)
    killed.kill()
    killed.wait()
    work(first, address, files)
    until(lambda: len(done(daemon)) >= 10, LONGEST_S)
    stopped.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_S)
    stopped.send_signal(signal.SIGCONT)
    # only now, so that a fast machine has something left to do when the scheduler goes
    ask(range(ROUNDS // 2, ROUNDS))
    scheduler.processes[-1].kill()
    scheduler.processes[-1].wait()
    assert len(done(daemon)) < len(names), "the scheduler is begun anew while there is something to do"
    schedule(scheduler, files)
    until(lambda: len(done(daemon)) == len(names), LONGEST_S)
    assert sorted(done(daemon)) == sorted(names), "none is lost, and none done twice"
    assert daemon.client.status() == []
    elsewhere, again = 0, 0
    for number in range(ROUNDS):
        for name, (verb, _) in wanted.items():
            folder = daemon.home / f"{name}-{number}"
            assert stems(folder) == stems(here.home / name), (name, number)
            manifest = results.read(folder)
            local = results.read(here.home / name)
            assert [one["path"] for one in manifest.inputs] == [one["path"] for one in local.inputs]
            assert [one["path"] for one in manifest.examples] == [one["path"] for one in local.examples]
            assert not any("separated again" in warning for warning in manifest.warnings), "it went on from elsewhere"
            if verb not in ("refine", "undo", "choose"):
                elsewhere += "of the cluster at" in manifest.device_reason
                again += any("begun anew" in warning for warning in manifest.warnings)
    assert elsewhere > len(names) / 4
    assert again >= 1, "the manifest says that a machine was lost"
    assert "its chunks are computed by the cluster" in daemon.log.read_text()


def schedule(machine: Machine, files: dict[str, str]) -> subprocess.Popen[bytes]:
    """A scheduler, as docs/cluster.md has it."""
    names = {"ca-file": "CA", "cert": "CERT", "key": "KEY"}
    given = [f"--tls-{option}={files[f'DAP_BRIDGE_WORKERS_TLS_{name}']}" for option, name in names.items()]
    place = (f"--host={machine.address}", f"--port={PORT}")
    return machine.start("-m", "dask", "scheduler", "--protocol=tls", "--no-dashboard", *place, *given)


def work(machine: Machine, address: str, files: dict[str, str]) -> subprocess.Popen[bytes]:
    return machine.start("-m", "dap_bridge", "worker", address, "--name", machine.name, **files)
