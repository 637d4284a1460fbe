"""What a file holds, told by a process of its own: `python -m dap_bridge.audio.probe FILE`.

For whoever does not want a stranger's bytes decoded in his process. One JSON object: rate, channels and frames, or, of
a file that is no clip, the message and hint of the error.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ..domain import ClipRef
from ..errors import DapError
from .files import ClipReader


def probe(path: str) -> dict[str, Any]:
    """Opens it, and reads its first frame and its last."""
    try:
        with ClipReader(ClipRef.of(path)) as clip:
            for frame in (0, clip.frames - 1):
                clip.read(frame, 1)
            return {"rate": clip.rate, "channels": clip.channels, "frames": clip.frames}
    except DapError as error:
        return error.as_dict()


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1])))
