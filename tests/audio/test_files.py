"""Clips are read exactly, from every format, and what cannot be read is explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dap_bridge.audio.files import ClipReader
from dap_bridge.domain import ChannelRef, ClipRef
from dap_bridge.errors import BadClip, ClipUnreadable


def clip(path: Path, **stretch: int) -> ClipRef:
    return ClipRef((ChannelRef(str(path)),), **stretch)


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("clip.wav", {"subtype": "FLOAT"}, 0.0),
        ("clip.wav", {"subtype": "PCM_24"}, 1e-6),
        ("clip.flac", {"subtype": "PCM_24"}, 1e-6),
        ("clip.aiff", {"subtype": "PCM_24"}, 1e-6),
        ("clip.ogg", {"subtype": "VORBIS"}, 0.05),
        ("clip.mp3", {"subtype": "MPEG_LAYER_III"}, 0.05),
    ],
)
def test_every_format_is_read_in_place(
    write_clip: Callable[..., Path], name: str, options: dict[str, str], tolerance: float
) -> None:
    time = np.arange(44100) / 44100
    audio = np.stack([0.3 * np.sin(2 * np.pi * 440 * time), 0.3 * np.sin(2 * np.pi * 660 * time)]).astype(np.float32)
    path = write_clip(audio, 44100, name, **options)
    with ClipReader(clip(path, start=10_000, frames=20_000)) as reader:
        assert (reader.rate, reader.channels, reader.frames) == (44100, 2, 20_000)
        block = reader.read(5_000, 1_000)
    assert block.shape == (2, 1_000)
    assert np.abs(block - audio[:, 15_000:16_000]).max() <= tolerance


def test_channels_may_come_from_several_files(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    left, right = noise(1, 1000, seed=1), noise(2, 1200, seed=2)
    refs = (
        ChannelRef(str(write_clip(left, 48000, "x%L.wav")), 0),
        ChannelRef(str(write_clip(right, 48000, "x%R.wav")), 1),
    )
    with ClipReader(ClipRef(refs, start=100, frames=300)) as reader:
        np.testing.assert_array_equal(reader.read(0, 300), np.stack([left[0, 100:400], right[1, 100:400]]))
        assert [entry["channels"] for entry in reader.inputs] == [[0], [1]]


def test_the_rest_of_the_file_is_the_default(write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]) -> None:
    with ClipReader(clip(write_clip(noise(1, 1000), 8000), start=250)) as reader:
        assert reader.frames == 750


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_a_sample_that_is_no_number_is_named(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], bad: float
) -> None:
    audio = noise(2, 1000)
    audio[1, 777] = bad
    path = write_clip(audio, 44100)
    with ClipReader(clip(path, start=500)) as reader, pytest.raises(BadClip, match=r"at 0:00\.018 of channel 2"):
        reader.read(0, 500)


@pytest.mark.parametrize(
    ("stretch", "reason"),
    [
        ({"start": 1000}, r"would start at 0:00\.023, and the file ends at 0:00\.023"),
        ({"start": 900, "frames": 101}, r"would end at 0:00\.023, after the file's end at 0:00\.023"),
        ({"rate": 48000}, "sent as 48000 Hz, but the file is 44100 Hz"),
    ],
)
def test_a_stretch_that_is_not_there_is_refused(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], stretch: dict[str, int], reason: str
) -> None:
    path = write_clip(noise(1, 1000), 44100)
    with pytest.raises(BadClip, match=reason):
        ClipReader(clip(path, **stretch))


def test_a_channel_that_is_not_there_is_refused(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    path = write_clip(noise(2, 100), 44100)
    with pytest.raises(BadClip, match="has 2 channels; channel 2"):
        ClipReader(ClipRef((ChannelRef(str(path), 2),)))


def test_files_of_different_rates_are_refused(
    write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    paths = [write_clip(noise(1, 100), rate, f"{rate}.wav") for rate in (44100, 48000)]
    with pytest.raises(BadClip, match=r"44100 Hz.*48000 Hz"):
        ClipReader(ClipRef(tuple(ChannelRef(str(path), 0) for path in paths)))


def test_what_is_no_audio_is_said_to_be_none(tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("dear diary")
    for path in (text, tmp_path, tmp_path / "nowhere.wav"):
        with pytest.raises(ClipUnreadable, match=path.name):
            ClipReader(clip(path))


def test_a_file_without_frames_is_refused(write_clip: Callable[..., Path]) -> None:
    with pytest.raises(BadClip, match="holds no audio"):
        ClipReader(clip(write_clip(np.zeros((1, 0)), 44100)))
