"""Where on the screen a region has its cells, and where a hand has been."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from dap_bridge.boxes import Box
from tests.web.conftest import TONES_RATE, TONES_S
from tests.web.editor import Editor

Point = tuple[float, float]
# Of the picture's logarithmic axis.
LOWEST_HZ = 30.0


def drawn(editor: Editor, box: Box) -> np.ndarray:
    """Where on the screen the cells of a box are that are on, or off: (cells, 3): x, y, whether on."""
    region = box.region
    hertz, seconds = np.array(region.hertz(box.low, box.high)), np.array(box.seconds)
    place = editor.by_id("field").bounding_box()
    assert place is not None
    middles = np.sqrt(np.maximum(hertz[:-1], LOWEST_HZ) * hertz[1:])
    if editor.page.get_by_label("Linear").is_checked():
        heights = (hertz[:-1] + hertz[1:]) / TONES_RATE
    else:
        heights = np.log(middles / LOWEST_HZ) / np.log(TONES_RATE / 2 / LOWEST_HZ)
    x = (seconds[:-1] + seconds[1:]) / 2 / TONES_S * place["width"]
    y = (1 - heights) * place["height"]
    on = np.frombuffer(region.cells, np.uint8)
    return np.column_stack([np.repeat(x, region.rows), np.tile(y, region.columns), on])


def pixels(editor: Editor, points: Iterable[Point]) -> np.ndarray:
    """Shares -> pixels of the spectrogram: (points, 2)."""
    place = editor.by_id("field").bounding_box()
    assert place is not None
    return np.array([(x * place["width"], y * place["height"]) for x, y in points])


def away(cells: np.ndarray, points: np.ndarray, closed: bool) -> np.ndarray:
    """How far each cell is from the line through the points. Pixels"""
    ends = [*points, points[0]] if closed else list(points)
    found = []
    for start, end in pairwise(ends):
        along = ((cells[:, :2] - start) @ (end - start) / ((end - start) @ (end - start))).clip(0, 1)
        found.append(np.linalg.norm(cells[:, :2] - start - along[:, None] * (end - start), axis=1))
    return np.min(found, axis=0)


def within(cells: np.ndarray, triangle: np.ndarray) -> np.ndarray:
    """Which cells lie in a triangle."""
    sides = [
        (end[0] - start[0]) * (cells[:, 1] - start[1]) - (end[1] - start[1]) * (cells[:, 0] - start[0])
        for start, end in pairwise([*triangle, triangle[0]])
    ]
    return np.all(np.array(sides) > 0, axis=0) | np.all(np.array(sides) < 0, axis=0)
