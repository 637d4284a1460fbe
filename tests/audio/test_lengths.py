"""Files as recorders, encoders, pipes and crashes leave them: what is there is read to its end, and less is said."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge import times
from dap_bridge.audio.reading import rate_of
from dap_bridge.errors import ClipUnreadable
from tests.audio.damage import (
    FRAMES,
    RATE,
    at,
    cut,
    everything,
    flac_count,
    mp3,
    opened,
    put,
    riff_sizes,
    without_xing,
    xing,
)

UNKNOWN = {
    "wav, never written": ("WAV", lambda path: riff_sizes(path, 0, 0)),
    "wav, empty when begun": ("WAV", lambda path: riff_sizes(path, 36, 0)),
    "wav, from a pipe": ("WAV", lambda path: riff_sizes(path, 2**32 - 1, 2**32 - 1)),
    "wav, from another pipe": ("WAV", lambda path: riff_sizes(path, 2**31 + 36, 2**31)),
    "wav, whole unknown, data 0": ("WAV", lambda path: riff_sizes(path, 2**32 - 1, 0)),
    "rf64, never written": ("RF64", lambda path: put(path, (at(path, b"ds64") + 8, bytes(24)))),
    "rf64, unknown": ("RF64", lambda path: put(path, (at(path, b"ds64") + 8, b"\xff" * 24))),
    "w64, never written": ("W64", lambda path: put(path, (at(path, b"data\xf3") + 16, bytes(8)))),
    "w64, unknown": ("W64", lambda path: put(path, (at(path, b"data\xf3") + 16, b"\xff" * 8))),
    "caf, unknown": ("CAF", lambda path: put(path, (at(path, b"data") + 4, b"\xff" * 8))),
    "caf, never written": ("CAF", lambda path: put(path, (at(path, b"data") + 4, bytes(8)))),
    "aiff, never written": ("AIFF", lambda path: put(path, (at(path, b"SSND") + 4, bytes(4)))),
    "aiff, no frames": ("AIFF", lambda path: put(path, (at(path, b"COMM") + 10, bytes(4)))),
    "au, unknown": ("AU", lambda path: put(path, (8, b"\xff" * 4))),
    "au, never written": ("AU", lambda path: put(path, (8, bytes(4)))),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_samples_whose_size_was_never_written_are_read_to_the_end(
    encode: Callable[..., Path], sound: np.ndarray, case: str
) -> None:
    kind, damage = UNKNOWN[case]
    path = damage(encode("clip.bin", format=kind, subtype="FLOAT"))
    audio, warnings = everything(path)
    np.testing.assert_array_equal(audio, sound)
    assert warnings == []
    assert rate_of(path) == RATE


@pytest.mark.parametrize("kind", ["WAV", "RF64", "W64", "CAF", "AIFF", "AU"])
def test_of_a_file_cut_short_what_is_there_is_read_and_the_rest_is_missed(
    encode: Callable[..., Path], sound: np.ndarray, kind: str
) -> None:
    audio, warnings = everything(cut(encode("clip.bin", format=kind, subtype="FLOAT"), 0.6))
    frames = audio.shape[1]
    assert 0.58 * FRAMES < frames < 0.61 * FRAMES
    np.testing.assert_array_equal(audio, sound[:, :frames])
    (warning,) = warnings
    assert f"{times.show(frames / RATE)} of 0:03.0 are there" in warning


def test_a_wav_whose_32_bits_ran_over_is_read_beyond_them(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.full(100, 0.5), 8000, subtype="PCM_16")
    data = at(path, b"data") + 8
    size = 2**32 + 2000
    with path.open("r+b") as file:  # a hole, which takes no room
        file.truncate(data + size)
        file.seek(data + size - 2)
        file.write(struct.pack("<h", 2**14))
        for place, value in ((4, data + size - 8), (data - 4, size)):
            file.seek(place)
            file.write(struct.pack("<I", value % 2**32))
    with opened(path) as reader:
        assert reader.frames == size // 2
        np.testing.assert_array_equal(reader.read(reader.frames - 2, 2), [[0.0, 0.5]])
        assert reader.warnings == []


@pytest.mark.parametrize("share", [1, 0.6])
def test_a_bw64_is_read_as_the_rf64_that_it_is(encode: Callable[..., Path], sound: np.ndarray, share: float) -> None:
    path = cut(put(encode("clip.bin", format="RF64", subtype="FLOAT"), (0, b"BW64")), share)
    audio, warnings = everything(path)
    np.testing.assert_array_equal(audio, sound[:, : audio.shape[1]])
    assert audio.shape[1] >= (share - 0.02) * FRAMES
    assert bool(warnings) is (share < 1)


def test_a_wav_that_says_it_is_empty_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(100), 8000, subtype="PCM_16")
    riff_sizes(path, len(path.read_bytes()) - 8, 0)
    with pytest.raises(Exception, match="holds no audio"):
        opened(path)


@pytest.mark.parametrize(("frames", "missed"), [(0, False), (1000, False), (FRAMES - 1, False), (FRAMES + 5000, True)])
def test_a_flac_is_read_to_its_end_whatever_it_counts(
    encode: Callable[..., Path], sound: np.ndarray, frames: int, missed: bool
) -> None:
    audio, warnings = everything(flac_count(encode("clip.flac", subtype="PCM_24"), frames))
    np.testing.assert_allclose(audio, sound, atol=1e-6)
    assert bool(warnings) is missed


@pytest.mark.parametrize("counted", [True, False])
def test_a_flac_cut_in_mid_frame_gives_every_whole_one(
    encode: Callable[..., Path], sound: np.ndarray, counted: bool
) -> None:
    path = encode("clip.flac", subtype="PCM_16")
    if not counted:
        flac_count(path, 0)
    audio, (warning,) = everything(cut(path, 0.6))
    frames = audio.shape[1]
    assert frames % 4096 == 0  # libFLAC's blocks
    assert frames > 0.55 * FRAMES
    np.testing.assert_allclose(audio, sound[:, :frames], atol=1e-4)
    assert times.show(frames / RATE) in warning


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_an_mp3_that_counts_nothing_is_read_to_its_end(
    encode: Callable[..., Path], sound: np.ndarray, mode: str, no_ffmpeg: None
) -> None:
    whole, _ = everything(mp3(encode, mode))
    audio, warnings = everything(without_xing(mp3(encode, mode)))
    # The count also said how much silence the encoder put around the sound.
    lead = audio.shape[1] - FRAMES
    assert 0 <= lead < 4 * 1152
    assert warnings == []
    assert min(np.abs(audio[:, at : at + FRAMES] - whole).max() for at in range(lead + 1)) < 1e-3


@pytest.mark.parametrize("counted", [0, 10])
def test_an_mp3_that_counts_too_few_is_read_to_its_end(
    encode: Callable[..., Path], counted: int, no_ffmpeg: None
) -> None:
    whole, _ = everything(mp3(encode, "VARIABLE"))
    path = mp3(encode, "VARIABLE")
    audio, _ = everything(put(path, (xing(path) + 8, struct.pack(">I", counted))))
    np.testing.assert_array_equal(audio[:, :FRAMES], whole)
    assert audio.shape[1] < FRAMES + 2 * 1152


def test_mp3s_put_one_after_another_are_read_to_the_end(
    encode: Callable[..., Path], tmp_path: Path, no_ffmpeg: None
) -> None:
    content = mp3(encode, "CONSTANT").read_bytes()
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256)
    path = tmp_path / "several.mp3"
    path.write_bytes(tag + content + tag + content)
    with opened(path) as reader:
        assert 2 * FRAMES <= reader.frames < 2 * FRAMES + 4 * 1152


def test_mp3s_of_different_rates_put_one_after_another_are_refused(
    tmp_path: Path, sound: np.ndarray, no_ffmpeg: None
) -> None:
    path = tmp_path / "several.mp3"
    content = b""
    for rate in (44100, 48000):
        soundfile.write(path, sound.T, rate, format="MP3", subtype="MPEG_LAYER_III")
        content += path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(ClipUnreadable, match=r"from 2 channels at 44100 Hz to 2 at 48000 Hz"):
        opened(path)


def test_an_mp3_cut_short_is_read_and_the_rest_is_missed(encode: Callable[..., Path], no_ffmpeg: None) -> None:
    whole, _ = everything(mp3(encode, "VARIABLE"))
    audio, (warning,) = everything(cut(mp3(encode, "VARIABLE"), 0.6))
    frames = audio.shape[1]
    assert 0.3 * FRAMES < frames < 0.9 * FRAMES
    np.testing.assert_allclose(audio, whole[:, :frames], atol=1e-6)
    assert f"{times.show(frames / RATE)} of 0:03.0 are there" in warning


def test_an_mp3_in_a_wav_is_read_to_its_end(
    encode: Callable[..., Path], tmp_path: Path, sound: np.ndarray, no_ffmpeg: None
) -> None:
    frames = without_xing(mp3(encode, "CONSTANT")).read_bytes()
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 2, RATE, 16_000, 1, 0, 12, 1, 2, 417, 1, 0)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(frames)) + frames
    path = tmp_path / "in.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    audio, _ = everything(path)
    assert FRAMES <= audio.shape[1] < FRAMES + 4 * 1152


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_streams_chained_in_an_ogg_are_all_read(
    encode: Callable[..., Path], tmp_path: Path, sound: np.ndarray, codec: str
) -> None:
    soundfile.write(tmp_path / "one.ogg", sound.T, 48000, format="OGG", subtype=codec)
    content = (tmp_path / "one.ogg").read_bytes()
    one, _ = everything(tmp_path / "one.ogg")
    (tmp_path / "two.ogg").write_bytes(content + content)
    two, warnings = everything(tmp_path / "two.ogg")
    np.testing.assert_array_equal(two, np.concatenate([one, one], axis=1))
    assert warnings == []


def test_a_chain_that_changes_its_rate_is_refused_with_both(tmp_path: Path, sound: np.ndarray) -> None:
    for rate in (44100, 48000):
        soundfile.write(tmp_path / f"{rate}.ogg", sound.T, rate, format="OGG", subtype="VORBIS")
    path = tmp_path / "chain.ogg"
    path.write_bytes((tmp_path / "44100.ogg").read_bytes() + (tmp_path / "48000.ogg").read_bytes())
    with pytest.raises(ClipUnreadable, match=r"at 0:03\.0 from 2 channels at 44100 Hz to 2 at 48000 Hz"):
        opened(path)


def test_an_ogg_without_its_last_page_is_read_and_the_end_is_missed(encode: Callable[..., Path]) -> None:
    path = encode("clip.ogg", format="OGG", subtype="VORBIS")
    whole, _ = everything(path)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    audio, (warning,) = everything(path)
    np.testing.assert_array_equal(audio, whole[:, : audio.shape[1]])
    assert audio.shape[1] > FRAMES / 2
    assert "lacks the last page" in warning
