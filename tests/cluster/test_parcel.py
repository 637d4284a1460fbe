"""What a job reads is read over there as here, to the bit, and what it does not hear stays here."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dap_bridge.audio import metadata
from dap_bridge.audio.files import ClipReader
from dap_bridge.domain import ClipRef, Format, Lane
from dap_bridge.jobs.workers.dask import parcel
from dap_bridge.verbs import table

RATE = 22_050


def unpacked(packed: parcel.Packed, folder: Path) -> Path:
    """As the other machine has it."""
    path = folder / packed.place
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        for at, content in parcel.read(packed.path, packed.pieces):
            file.seek(at)
            file.write(content)
    os.truncate(path, packed.size)
    assert parcel.digest(path, packed.pieces) == parcel.digest(packed.path, packed.pieces)
    return path


@pytest.mark.parametrize("kind", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE", "RF64", "flac", "IMA_ADPCM"])
def test_a_stretch_of_a_long_file_is_the_same_over_there_and_wav_goes_without_the_rest(
    kind: str, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"RF64": {"format": "RF64", "subtype": "PCM_16"}, "flac": {"subtype": "PCM_16"}}.get(
        kind, {"subtype": kind}
    )
    name = "clip.flac" if kind == "flac" else "clip.wav"
    path = write_clip(noise(2, 30 * RATE), RATE, name, **options)
    clip = {"clip": str(path), "channel": [], "start": 20 * RATE, "frames": RATE, "rate": RATE}
    (packed,) = parcel.pack(clip)
    there = unpacked(packed, tmp_path / "there")
    moved = parcel.elsewhere(clip, lambda _: str(there))
    ours, theirs = (ClipReader(ClipRef.from_request(one)) for one in (clip, moved))
    with ours, theirs:
        assert np.array_equal(ours.read(0, RATE), theirs.read(0, RATE))
        assert metadata.carried(ours, Format.FLOAT32) == metadata.carried(theirs, Format.FLOAT32)
    sent = sum(piece.size for piece in packed.pieces)
    assert sent == packed.size if kind in ("flac", "IMA_ADPCM") else sent < packed.size / 10


def test_stretches_that_overlap_go_once_and_what_is_no_file_stays(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    path = write_clip(noise(1, 60 * RATE), RATE)
    items = [f"{start}:{length}::{path}" for start, length in ((0, RATE), (RATE // 2, RATE), (50 * RATE, 100 * RATE))]
    request = {"item": items, "channel": [], "like": [f"1:0:::{tmp_path}"], "label": str(path), "out": str(path)}
    (packed,) = parcel.pack(request)
    spans = [(piece.at, piece.size) for piece in packed.pieces]
    assert all(at + size <= next_at for (at, size), (next_at, _) in itertools.pairwise(spans))
    moved = parcel.elsewhere(request, lambda old: {str(path): "/there.wav"}.get(old, old))
    assert moved["item"] == [item.replace(str(path), "/there.wav") for item in items]
    assert (moved["label"], moved["out"]) == (str(path), str(path)), "what only looks like one is left alone"


def test_every_field_that_names_files_is_known() -> None:
    """A verb that gets one of another name has to say so."""
    for verb in table.VERBS:
        if table.lane(verb) is Lane.BATCH:
            fields = table.request(verb).model_fields
            named = {name for name, field in fields.items() if "PATH" in (field.description or "")}
            named |= {name for name, field in fields.items() if "absolute path" in (field.description or "")}
            assert named - {"out"} <= parcel.FIELDS, verb
