"""`dap-bridge doctor`: everything a separation needs, tried out for real, each failure with its mend."""

from __future__ import annotations

import asyncio
import contextlib
import io
import platform
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import __version__, presets, private
from .config import Settings, Shared
from .errors import BadPreset, BadSettings, DaemonUnreachable, DapError, DeviceUnavailable

if TYPE_CHECKING:
    from .jobs.workers.dask.station import Introduction

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found and, where it is not well, what to do."""

    name: str
    ok: bool
    found: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which they build on each other."""
    folders = {"data folder": settings.data, "drop folder": settings.spool}
    return [
        _python(),
        _torch(),
        _device(),
        _presets(),
        _osc_port(settings),
        _osc_key(settings),
        _http_port(settings),
        *(_folder(name, path) for name, path in folders.items()),
        *_workers(settings),
        *(_codec(name, kind, subtype) for name, (kind, subtype) in CODECS.items()),
        _ffmpeg(),
        _pedalboard(),
        _audacity(),
    ]


def _python() -> Check:
    version = platform.python_version()
    good = sys.version_info >= OLDEST_PYTHON
    return Check(
        "Python", good, f"{version}, dap-bridge {__version__}", "" if good else "Install Python 3.11 or newer."
    )


def _torch() -> Check:
    try:
        import torch
    except ImportError as error:
        return Check("torch", False, str(error), "Run `make venv`, or pip install dap-bridge again.")
    return Check("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")


def _device() -> Check:
    from .jobs import device

    try:
        found = device.probe("auto")
    except (DeviceUnavailable, ImportError) as error:
        return Check("device", False, str(error), "Install torch again.")
    return Check("device", True, f"{found.name}: {found.reason}")


def _presets() -> Check:
    names = presets.names()
    for name in names:
        try:
            presets.load(name)
        except BadPreset as error:
            return Check("presets", False, error.message, error.hint)
    missing = "default" not in names
    return Check("presets", not missing, ", ".join(names) or "none", "Install dap-bridge again." if missing else "")


def _osc_port(settings: Settings) -> Check:
    """Free, or held by a daemon that answers."""
    from .transport.client import Client

    name = f"OSC port {settings.osc_port}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((settings.osc_host, settings.osc_port))
        except OSError as taken:
            try:
                with Client(settings.osc_port) as client:
                    welcome = client.hello(timeout=1.0)
            except DaemonUnreachable:
                return Check(name, False, str(taken), "Another program holds it: serve with another --osc-port.")
            return Check(name, True, f"a daemon answers (version {welcome.version}, pid {welcome.pid})")
    return Check(name, True, "free; no daemon runs there")


def _osc_key(settings: Settings) -> Check:
    if not settings.open_osc:
        return Check("OSC key", True, "asked for")
    found = "not asked for (open_osc): any user of this machine may have your files read"
    return Check("OSC key", True, found, "Take open_osc back, unless a controller cannot tell a key.")


def _http_port(settings: Settings) -> Check:
    """The mask editor's: free, or held by this drop folder's daemon; and whether the page is there at all."""
    from .transport.heartbeat import heartbeat
    from .web import PAGE

    name = f"HTTP port {settings.http_port or '(any)'}"
    if not (PAGE / "index.html").is_file():
        return Check(name, False, f"{PAGE} holds no page", "Install dap-bridge again.")
    with contextlib.suppress(DaemonUnreachable, KeyError):
        port = urlsplit(heartbeat(settings.spool)["editor"]).port
        return Check(name, True, f"a daemon serves the mask editor on {port}")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((settings.osc_host, settings.http_port))
        except OSError as taken:
            return Check(name, False, str(taken), "Another program holds it: serve with another --http-port.")
    return Check(name, True, "free; no daemon runs here")


def _folder(name: str, path: Path) -> Check:
    try:
        private.folder(path)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return Check(
            name, False, f"{path}: {error.strerror}", "Make it writable, or choose another in the configuration."
        )
    except BadSettings as error:
        return Check(name, False, error.message, error.hint)
    return Check(name, True, str(path))


def _workers(settings: Settings) -> list[Check]:
    """Of a cluster each of its workers, or why there is none, and the folders that are shared with them."""
    from .jobs.workers import kinds
    from .jobs.workers.dask import address

    kind, _, where = settings.workers.partition(":")
    if kind != kinds.DASK:
        return []
    try:
        address.require_extra()
        if where.startswith(kinds.OWN):
            count = where.removeprefix(kinds.OWN)
            return [Check("workers", True, f"{count} on this machine, which begin with the daemon")]
        place = address.Address.of(where, settings)
        from .jobs.workers.dask import roll  # with Dask

        workers = [_worker(one) for one in asyncio.run(roll.call(place))]
    except DapError as error:
        return [Check("workers", False, error.message, error.hint)]
    return workers + [_shared(one) for one in settings.workers_shared]


def _worker(one: Introduction) -> Check:
    name = f"worker {one.name}"
    if one.refusal is not None:
        return Check(name, False, one.refusal.message, one.refusal.hint)
    return Check(name, True, f"{one.device.name}: {one.device.reason}".removeprefix(": "))


def _shared(folder: Shared) -> Check:
    name = f"shared folder {folder.here}"
    if not folder.here.is_dir():
        return Check(name, False, "It is not there.", "See the setting `workers_shared`.")
    return Check(name, True, f"{folder.there} on workers")


# What clips come as: (container, coding) in libsndfile's names.
CODECS = {
    "wav": ("WAV", "FLOAT"),
    "flac": ("FLAC", "PCM_24"),
    "aiff": ("AIFF", "PCM_24"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def _codec(name: str, kind: str, subtype: str) -> Check:
    """A tenth of a second of silence, written and read back."""
    import numpy as np
    import soundfile

    def round_trip() -> str:
        file = io.BytesIO()
        soundfile.write(file, np.zeros((4410, 2), dtype=np.float32), 44100, format=kind, subtype=subtype)
        file.seek(0)
        return f"{len(soundfile.read(file)[0])} frames read back"

    return _attempt(name, round_trip, "Install soundfile again; it brings its own libsndfile.")


def _ffmpeg() -> Check:
    """Not needed, so never wrong."""
    from .audio.reading import ffmpeg

    found = ffmpeg.command()
    return Check("ffmpeg", True, found or f"not there. {ffmpeg.INSTALL}")


def _audacity() -> Check:
    """Which there are, and how stems come into them. Not needed, so never wrong."""
    from .audacity import programs

    return Check("Audacity", True, "; ".join(map(str, programs.found())) or "not there, or never started")


def _pedalboard() -> Check:
    def version() -> str:
        import pedalboard

        return str(pedalboard.__version__)

    return _attempt("pedalboard", version, "pip install pedalboard (for presets with effects).")


def _attempt(name: str, action: Callable[[], str], fix: str) -> Check:
    try:
        return Check(name, True, action())
    except (ImportError, OSError, RuntimeError, ValueError, TypeError) as error:
        return Check(name, False, str(error), fix)
