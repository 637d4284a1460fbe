"""`python -m tests.trust.trial MODULE:FACTORY FOLDER SEED`: a number a line in, a verdict a line out. See pooled.py."""

from __future__ import annotations

import os
import pkgutil
import random
import resource
import sys
from pathlib import Path

import psutil

from dap_bridge.errors import DapError
from tests.trust.pooled import INTERNAL, MEMORY, RIGHT, SEPARATOR, Seen, Trial


def main(factory: str, folder: str, seed: str) -> None:
    trial: Trial = pkgutil.resolve_name(factory)(Path(folder))
    most = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    answers = os.fdopen(os.dup(1), "w")  # whatever a library prints is no verdict
    os.dup2(2, 1)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(_verdict(trial, random.Random(f"{seed} {int(line)}")), file=answers, flush=True)


def _verdict(trial: Trial, dice: random.Random) -> str:
    """RIGHT, or what went wrong, and how."""
    try:
        trial(dice)
    except DapError as error:
        return RIGHT if error.code != DapError.code else f"{INTERNAL}{SEPARATOR}{error.message!r}"
    except Seen as seen:
        return f"{seen.kind}{SEPARATOR}{seen.what}"
    except Exception as error:  # noqa: BLE001
        return f"{INTERNAL}{SEPARATOR}{error!r:.300}".replace("\n", " ")
    return RIGHT


if __name__ == "__main__":
    main(*sys.argv[1:])
