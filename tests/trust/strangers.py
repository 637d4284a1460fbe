"""Another user of the same machine, at all doors and all files of a daemon."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dap_bridge.errors import Forbidden
from dap_bridge.transport import control, osc
from dap_bridge.verbs.coseparate.request import Coseparate
from dap_bridge.verbs.denoise.request import Denoise
from dap_bridge.verbs.refine.request import Refine
from dap_bridge.verbs.request import Verb
from dap_bridge.verbs.separate.request import Separate
from dap_bridge.verbs.texture.request import Texture
from dap_bridge.verbs.undo.request import Undo
from tests.processes import Process
from tests.trust import harness
from tests.trust.doors.osc import packed
from tests.trust.harness import PATIENCE_S, Lab, NotTried, Tally

NOBODY = 65_534
SERVED, READ, WRITTEN = "served", "read", "written"
SOURCE = Path(__file__).with_name("stranger.py")


def check(lab: Lab, tally: Tally) -> None:
    """Asks for everything without the key and with wrong ones, reads whatever it can, writes wherever it can."""
    if not harness.is_root():
        raise NotTried("needs root, to become another user")
    tally.watch(SERVED, READ, WRITTEN)
    lab.folder.chmod(0o755)
    served = _met(lab, tally, "home")
    tally.check(not served, SERVED, f"{served} messages without a key")
    open_to_all = _met(lab, Tally(), "open", DAP_BRIDGE_OPEN_OSC="true")
    tally.figures = f"guard away (open_osc): {open_to_all} messages served"


def _met(lab: Lab, tally: Tally, name: str, **environment: str) -> int:
    """How many messages of the stranger's were served; what could be read and written is counted in the tally."""
    home = lab.home(name)
    home.chmod(0o755)
    (home / "private").mkdir(mode=0o700)
    clip = Path(shutil.copy(lab.clip(), home / "private"))
    clip.chmod(0o600)
    theirs = home / "theirs"
    theirs.mkdir()
    shutil.chown(theirs, NOBODY, NOBODY)
    # with permissions as open as a user may have them by default
    daemon = lab.daemon(name, "-m", "tests.trust.served", "--umask", "0", **environment)
    shared = home / "shared"
    for job, out in {"mine": None, "shared": str(shared)}.items():
        message = Separate(job=job, clip=str(clip), out=out, preset="quick")
        daemon.client.last_event(message)
    messages = _messages(clip, theirs)
    datagrams = [packed(message, key) for message in messages for key in ("", "wrong", "0" * 32)]
    files = [clip, daemon.spool, daemon.data, *daemon.spool.rglob("*"), *daemon.data.rglob("*"), *shared.rglob("*.wav")]
    found = _as_stranger(daemon, datagrams, files, [daemon.spool, daemon.spool / "inbox", daemon.data, shared, home])
    tally.tried += len(datagrams) + len(files)
    for what in found["read"]:
        tally.note(READ, Path(what).relative_to(home))
    for what in found["written"]:
        tally.note(WRITTEN, Path(what).relative_to(home))
    jobs = harness.jobs(daemon).keys() - {"mine", "shared"}
    for job in jobs:
        harness.ended(daemon, job)
    codes = list(_codes(bytes.fromhex(answer) for answer in found["answers"]))
    leaked = [path for path in theirs.rglob("*") if path.is_file()]
    for path in leaked:
        tally.note(READ, path.relative_to(home))
    return sum(code != Forbidden.code for code in codes)


def _messages(clip: Path, theirs: Path) -> list[Verb]:
    """Of every verb but hello."""
    steal = Separate(job="steal", clip=str(clip), out=str(theirs / "out"), preset="quick")
    texture = Texture(job="t", clip=str(clip), length=9000, out=str(theirs / "t"), preset="quick-texture")
    items = (f"0:::{clip}", f"2000:::{clip}")
    more: list[Verb] = [Coseparate(job="c", item=items, out=str(theirs / "c"), preset="quick-coseparate")]
    more += [Denoise(job="d", clip=str(clip), out=str(theirs / "d")), Undo(job="u", session="mine")]
    more += [Refine(job="r", session="mine", fit=False, out=str(theirs / "r")), control.ListSessions()]
    asks = [control.Status(), control.Status(job="mine"), control.Cancel(job="mine"), control.Resume(job="mine")]
    return [steal, texture, *more, *asks, control.Import(job="mine", session="mine")]


def _as_stranger(daemon: Process, datagrams: list[bytes], files: list[Path], folders: list[Path]) -> dict[str, Any]:
    """What stranger.py finds, as a user who may nothing."""
    asked: dict[str, Any] = {
        "user": NOBODY,
        "port": daemon.port,
        "datagrams": [datagram.hex() for datagram in datagrams],
    }
    asked |= {"files": [str(path) for path in files], "folders": [str(path) for path in folders]}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SOURCE.read_text(encoding="utf-8")],
        input=json.dumps(asked),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-200:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _codes(answers: Iterable[bytes]) -> Iterable[str]:
    """The code of each refusal; empty for any other answer."""
    for answer in answers:
        for message in osc.decode(answer):
            pairs = dict(zip(message.params[::2], message.params[1::2], strict=True))
            yield str(pairs.get("code", "")) if message.address.endswith("/failed") else ""
