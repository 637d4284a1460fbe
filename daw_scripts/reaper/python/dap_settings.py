"""Where the daemon is: as the environment says, as `dap-bridge install reaper` wrote down, or in the usual place."""

import os
import re

from dap_constants import OSC_PORT, SPOOL

WRITTEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bridge.tsv")
ESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def _lines(path):
    """The pairs of a file of `key<TAB>value` lines; none where it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            pairs = [line.split("\t", 1) for line in file.read().split("\n") if "\t" in line]
    except (OSError, ValueError):
        return {}
    return {key: re.sub(r"\\[\\tnr]", lambda found: ESCAPES[found.group()], value) for key, value in pairs}


def _spool():
    usual = os.path.join(os.path.expanduser("~"), SPOOL)
    return os.environ.get("DAP_BRIDGE_SPOOL") or _lines(WRITTEN).get("spool") or usual


def about():
    """What the daemon says of itself in the drop folder; of one that was killed, what it said last."""
    return _lines(os.path.join(_spool(), "daemon.status"))


def osc_port():
    """Where the daemon listens: as it says itself, or as it was told to."""
    written = _lines(WRITTEN).get("osc_port")
    return int(about().get("osc_port") or os.environ.get("DAP_BRIDGE_OSC_PORT") or written or OSC_PORT)


def command():
    return _lines(WRITTEN).get("command") or "dap-bridge"
