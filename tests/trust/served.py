"""`python -m tests.trust.served`: the daemon as it is, given less by the system, or with another worker's function."""

from __future__ import annotations

import os
import resource
import sys

import click

from dap_bridge import config
from dap_bridge.daemon import serve
from dap_bridge.jobs.workers.local.worker import PROBE, RUN


@click.command()
@click.option("--run", default=RUN, help="The worker's function, as module:function.")
@click.option("--probe", default=PROBE, help="The same for the device.")
@click.option("--umask", type=int, help="Which permissions new files go without.")
@click.option("--files", type=int, help="So many descriptors at most.")
@click.option(
    "--bytes", "most_bytes", type=int, help="No file may be larger than so many bytes: what a full disk does."
)
def main(run: str, probe: str, files: int | None, umask: int | None, most_bytes: int | None) -> None:
    if umask is not None:
        os.umask(umask)
    for limit, value in ((resource.RLIMIT_NOFILE, files), (resource.RLIMIT_FSIZE, most_bytes)):
        if value is not None:
            resource.setrlimit(limit, (value, value))
    sys.exit(serve(config.load(), run, probe))


if __name__ == "__main__":
    main()
