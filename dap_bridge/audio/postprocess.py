"""Chains of pedalboard effects that a preset may run on each stem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ..errors import BadPreset
from .plan import Chunk
from .stems import BLOCK_FRAMES, StemWriter

# Block by block, its latency compensation swallows the first second of the stem (pedalboard 0.9).
NOT_STREAMABLE = {"PitchShift"}


def build(chain: Sequence[dict[str, Any]]) -> Any:
    """A pedalboard.Pedalboard from the preset's tables: `plugin` names the class, the rest are its arguments."""
    # Imported here: nearly no job needs it.
    import pedalboard

    plugins = []
    for table in chain:
        options = dict(table)
        kind = getattr(pedalboard, str(options.pop("plugin", "")), None)
        if not (isinstance(kind, type) and issubclass(kind, pedalboard.Plugin)):
            raise BadPreset(f"postprocess: pedalboard has no effect {table.get('plugin')!r}.")
        if kind.__name__ in NOT_STREAMABLE:
            raise BadPreset(f"postprocess: {kind.__name__} cannot be run on a stem of any length.")
        try:
            plugins.append(kind(**options))
        except (TypeError, ValueError) as error:
            raise BadPreset(f"postprocess: {table['plugin']}: {error}") from error
    return pedalboard.Pedalboard(plugins)


def run(chain: Sequence[dict[str, Any]], path: Path, writer: StemWriter, heed: Callable[[], None]) -> None:
    """Write the stem at `path`, processed: same rate, channels and length, a block at a time.

    The latency of an effect is made up for; a tail that outlasts the clip is cut at its end. heed: called between two
    blocks, may raise Cancelled.
    """
    board = build(chain)
    with soundfile.SoundFile(path) as dry:
        left = dry.frames
        while left:
            heed()
            # Past the end silence goes in, to drive out what a latent effect still holds.
            block = dry.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            if len(block) == 0:
                block = np.zeros((BLOCK_FRAMES, dry.channels), dtype=np.float32)
            out = board.process(block.T, dry.samplerate, reset=False)[:, :left]
            left -= out.shape[1]
            writer.write(Chunk(0, 0, out.shape[1], 0), out[None], None)
