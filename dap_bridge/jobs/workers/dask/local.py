"""A cluster on this machine, which ends with whoever began it: a scheduler in its own process, and some workers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from ....errors import MissingExtra
from ..local.process import Share
from .address import Address

HOST = "127.0.0.1"
# For the processes to end by themselves; between two looks at them.
END_S, POLL_S = 3.0, 0.05


async def begin(stack: AsyncExitStack, count: int) -> Address:
    """The address of a scheduler with so many processes, which end with the stack; the first of them is there.

    Other users of the machine may connect to what listens on it, so that it is entered by a certificate made for it.
    """
    from distributed import Scheduler

    where = Address("", *_certificates(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dap-bridge-")))))
    scheduler = Scheduler(host=HOST, protocol="tls://", port=0, dashboard=False, security=where.security())
    await stack.enter_async_context(scheduler)
    files = [f"--tls-{name}={getattr(where, name)}" for name in ("ca", "cert", "key")]
    threads = {"OMP_NUM_THREADS": str(Share(1, count).threads)}
    processes: list[subprocess.Popen[bytes]] = []
    stack.push_async_callback(_end, processes)
    for number in range(1, count + 1):
        command = [sys.executable, "-m", "dap_bridge", "worker", scheduler.address, "--once", f"--name=local-{number}"]
        processes.append(
            subprocess.Popen([*command, *files], env=os.environ | threads, stdin=subprocess.DEVNULL, process_group=0)
        )
    while not scheduler.workers and any(process.poll() is None for process in processes):
        await asyncio.sleep(POLL_S)
    return Address(scheduler.address, where.ca, where.cert, where.key)


def _certificates(folder: Path) -> tuple[Path, Path, Path]:
    """ca, cert and key, for a day and this user alone."""
    try:
        from distributed import Security

        made = Security.temporary()
    except ImportError as error:
        raise MissingExtra(
            "A cluster on this machine needs `cryptography`.", "Install it with: pip install 'dap-bridge[cluster]'"
        ) from error
    files = {"ca": made.tls_ca_file, "cert": made.tls_client_cert, "key": made.tls_client_key}
    for name, content in files.items():
        path = folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_text(str(content))
    return folder / "ca.pem", folder / "cert.pem", folder / "key.pem"


async def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    for _ in range(round(END_S / POLL_S)):
        if all(process.poll() is not None for process in processes):
            return
        await asyncio.sleep(POLL_S)
    for process in processes:
        process.kill()
