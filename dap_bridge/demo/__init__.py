"""`dap-bridge demo`: the main job on the recording that ships with the package, with the true parts to judge it by."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from .. import console
from ..errors import DaemonUnreachable, MissingExtra
from ..jobs import results
from ..judging import best_permutation, si_sdr
from ..transport.client import Client
from ..verbs.separate.request import Separate

AUDIO = Path(__file__).parent / "audio"
CLIP = AUDIO / "tabla_and_crow.flac"
PARTS = {"tabla": AUDIO / "tabla.flac", "crow": AUDIO / "crow.flac"}
PICTURE = "spectrograms.png"
STARTING = 30.0  # seconds a daemon may take to answer on a machine that is busy installing things
ENDING = 10.0


def run(out: Path, seed: int, as_json: bool) -> None:
    """Start a daemon of its own on a free port, send the clip over OSC, wait, and report."""
    folder = _free(out.absolute())
    with _daemon() as client, console.progress_bar("separate") as show:
        began = time.monotonic()
        request = Separate(clip=str(CLIP), out=str(folder), seed=seed, format="float32")
        manifest = client.run(request, show)
        took = time.monotonic() - began
    result = results.read(manifest)
    stems = np.stack([_read(path) for path in results.stems(manifest, result)])
    scores = _judge(stems)
    picture = _picture(folder / PICTURE, stems)
    report = {
        "manifest": str(manifest),
        "picture": picture,
        "elapsed_s": result.elapsed_s,
        "wall_s": round(took, 2),
        "device": result.device,
        "null_db": result.null_db,
        "stems": scores,
    }
    (folder / "demo.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    if as_json:
        console.answer(report, True, "")
    else:
        _show(report, folder)


def _free(folder: Path) -> Path:
    """`folder`, or folder-2, -3 …: a result is never written over another."""
    candidate, count = folder, 1
    while candidate.exists() and any(candidate.iterdir()):
        count += 1
        candidate = folder.with_name(f"{folder.name}-{count}")
    return candidate


@contextlib.contextmanager
def _daemon() -> Iterator[Client]:
    """A daemon on a free port with folders of its own, ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="dap-bridge-demo-") as home:
        port = _free_port()
        command = [sys.executable, "-m", "dap_bridge", "serve", "--osc-port", str(port)]
        folders = ["--spool", f"{home}/spool", "--data", f"{home}/data"]
        log = Path(home) / "log"
        process: subprocess.Popen[bytes] | None = None
        try:
            with log.open("wb") as file, console.uninterrupted():
                # in a session of its own: ctrl-C is handled here, which ends the daemon as well
                process = subprocess.Popen([*command, *folders], stdout=file, stderr=file, start_new_session=True)
            with Client(port) as client:
                _wait_for(client, process, log)
                yield client
        finally:
            if process is not None:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(client: Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTING
    while True:
        try:
            welcome = client.hello(timeout=0.5)
        except DaemonUnreachable:
            if process.poll() is None and time.monotonic() < deadline:
                continue
            text = log.read_text(encoding="utf-8", errors="replace").strip()
            raise DaemonUnreachable(f"The daemon did not start: {text[-500:]}") from None
        console.stderr.print(f"daemon {welcome.version} answers (pid {welcome.pid})")
        return


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read(path: Path) -> NDArray[np.float64]:
    audio: NDArray[np.float64] = soundfile.read(path, always_2d=True)[0].T
    return audio


def _judge(stems: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Each part with the stem that holds it, its SI-SDR, and the SI-SDR of the mixture as an estimate of it."""
    mixture = _read(CLIP)
    parts = np.stack([_read(path) for path in PARTS.values()])
    order, values = best_permutation(parts, stems)
    return [
        {
            "sound": name,
            "stem": stem + 1,
            "si_sdr_db": round(value, 2),
            "mixture_si_sdr_db": round(si_sdr(part, mixture), 2),
            "gain_db": round(value - si_sdr(part, mixture), 2),
        }
        for name, part, stem, value in zip(PARTS, parts, order, values, strict=True)
    ]


def _picture(path: Path, stems: NDArray[np.float64]) -> str | None:
    """Spectrograms of the mixture and the stems; None where matplotlib is not installed."""
    try:
        from .picture import spectrograms
    except ImportError:
        return None
    signals = {"mixture": _read(CLIP)} | {f"stem {i}": stem for i, stem in enumerate(stems, 1)}
    spectrograms(path, signals, soundfile.info(CLIP).samplerate)
    return str(path)


def _show(report: dict[str, Any], folder: Path) -> None:
    table = console.table("sound", "stem", "SI-SDR before", "SI-SDR after", "gain")
    for row in report["stems"]:
        before, after, gain = row["mixture_si_sdr_db"], row["si_sdr_db"], row["gain_db"]
        table.add_row(row["sound"], f"stem-{row['stem']}.wav", f"{before:.1f} dB", f"{after:.1f} dB", f"{gain:+.1f} dB")
    console.stdout.print(table)
    console.stdout.print(
        f"Null test: the stems' sum differs from the clip by {report['null_db']:.0f} dB. "
        f"The job took {report['elapsed_s']:.1f} s on the {report['device']} ({report['wall_s']:.1f} s with the "
        "daemon's start)."
    )
    console.stdout.print(f"Stems and manifest: {folder}", soft_wrap=True)
    if report["picture"]:
        console.stdout.print(f"Picture: {report['picture']}", soft_wrap=True)
    else:
        console.stdout.print(f"No picture: it needs matplotlib. {MissingExtra.default_hint}", markup=False)
