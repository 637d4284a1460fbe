"""Clips that share a sound, moved apart before they are co-separated."""

from __future__ import annotations

import numpy as np

from dap_bridge.bench.benchmarks.watermark import LATEST_S, LOUDEST, QUIETEST, move_apart
from dap_bridge.bench.data.sounds import Sound

RATE = 1000


def test_the_shared_sound_is_elsewhere_and_of_another_level_in_every_clip() -> None:
    own = np.random.default_rng(0).standard_normal((3, 1, 12 * RATE)).astype(np.float32)
    shared = np.zeros((1, 12 * RATE), np.float32)
    shared[:, 5 * RATE] = 1
    shared[:, -1] = 1  # one that a later place takes out of the clip
    sounds = [Sound(clip + shared, np.stack([clip, shared]), RATE) for clip in own]
    moved = move_apart(sounds)
    assert moved[0] is sounds[0]
    places = [int(sound.references[1, 0, : 8 * RATE].argmax()) for sound in moved]
    gains = [float(sound.references[1].max()) for sound in moved]
    assert len(set(places)) == len(set(gains)) == 3
    assert all(QUIETEST <= gain <= LOUDEST for gain in gains)
    for sound, clip, place in zip(moved, own, places, strict=True):
        np.testing.assert_array_equal(sound.references[0], clip)
        np.testing.assert_array_equal(sound.mixture, sound.references.sum(axis=0))
        assert not sound.references[1, 0, : place - 1].any(), "nothing comes back in at the other end"
        assert abs(place / RATE - 5) <= abs(LATEST_S) + 0.5
    assert all(np.array_equal(a.mixture, b.mixture) for a, b in zip(moved, move_apart(sounds), strict=True))
