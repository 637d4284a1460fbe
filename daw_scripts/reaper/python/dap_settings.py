"""Where the bridge is: as the environment says, as `dap-bridge install reaper` wrote down, or in the usual place."""

import os
import re

from dap_constants import OSC_PORT

WRITTEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bridge.tsv")
ESCAPES = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def _written():
    try:
        with open(WRITTEN, encoding="utf-8") as file:
            pairs = [line.split("\t", 1) for line in file.read().split("\n") if "\t" in line]
    except OSError:
        return {}
    return {key: re.sub(r"\\[\\tnr]", lambda found: ESCAPES[found.group()], value) for key, value in pairs}


def osc_port():
    return int(os.environ.get("DAP_BRIDGE_OSC_PORT") or _written().get("osc_port") or OSC_PORT)


def command():
    return _written().get("command") or "dap-bridge"
