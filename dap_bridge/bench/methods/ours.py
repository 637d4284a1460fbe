"""A preset, as the user runs it."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

from ... import presets
from ...engine.methods import SEPARATORS
from ..data.sounds import Sound
from ..store import Row
from . import jobs
from .estimates import Estimates

# What a manifest says that a row keeps.
KEPT = ("device", "iterations", "null_db", "confidence", "warnings")


def by_preset(sound: Sound, preset: str, seed: int, device: str, known: Row | None = None) -> Estimates:
    """known: further fields of the request. Raises DapError."""
    with jobs.scratch() as folder:
        clip = folder / "mixture.wav"
        sound.write(clip)
        verb = verb_of(preset)
        of_verb = {} if verb == "denoise" else {"sources": len(sound.references), "alternatives": 1}
        fields = {"clip": str(clip), "preset": preset, "seed": seed, "device": device}
        answer = jobs.do(folder, verb, fields | of_verb | (known or {}))
        manifest, stems = answer.manifest, np.stack(answer.stems())
    return Estimates(stems, manifest.rate, manifest.elapsed_s, {key: getattr(manifest, key) for key in KEPT})


def verb_of(preset: str) -> str:
    """The verb that makes the two stems of a clip by a preset. Raises BadPreset."""
    return "separate" if type(presets.load(preset).recipe) in SEPARATORS else "denoise"


@cache
def preset_digest(name: str) -> str:
    """A name for every number of a preset: another one when any of them changes. Raises BadPreset."""
    return hashlib.sha256(repr(presets.load(name)).encode()).hexdigest()[:12]
