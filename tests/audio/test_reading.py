"""What is no sound, or claims the absurd, is refused; what others must decode is read through them."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.audio.files import ClipReader
from dap_bridge.audio.reading import decoded, ffmpeg, opening, rate_of
from dap_bridge.audio.reading.kinds import Kind
from dap_bridge.domain import ClipRef
from dap_bridge.errors import Cancelled, ClipUnreadable, OutputUnwritable
from tests.audio.damage import (
    FRAMES,
    RATE,
    at,
    everything,
    flac_count,
    mp3,
    opened,
    put,
    xing,
)
from tests.conftest import RECORDINGS

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg on the PATH")
needs_special_files = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system with named pipes")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp3", {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE"}),
        ("clip.ogg", {"format": "OGG", "subtype": "VORBIS"}),
        ("clip.flac", {"subtype": "PCM_16"}),
        ("clip.wav", {"subtype": "IMA_ADPCM"}),
        ("clip.wav", {"subtype": "MS_ADPCM"}),
        ("clip.aiff", {"subtype": "PCM_24"}),
    ],
)
def test_any_stretch_is_the_same_by_itself_as_from_the_beginning(
    encode: Callable[..., Path], name: str, options: dict[str, str]
) -> None:
    path = encode(name, **options)
    whole = soundfile.read(path, dtype="float32")[0].T
    with opened(path) as reader:
        assert reader.frames == whole.shape[1]
        for start in np.random.default_rng(1).integers(0, FRAMES - 1500, 20):
            np.testing.assert_array_equal(reader.read(int(start), 1500), whole[:, start : start + 1500])


def absurd_mp3(encode: Callable[..., Path]) -> Path:
    path = mp3(encode, "CONSTANT")
    return put(path, (xing(path) + 8, b"\xff\xff\x00\x00"))


def wav_form(place: int, layout: str, value: int) -> Callable[[Callable[..., Path]], Path]:
    def make(encode: Callable[..., Path]) -> Path:
        path = encode("clip.wav", subtype="PCM_16")
        return put(path, (at(path, b"fmt ") + 8 + place, struct.pack(layout, value)))

    return make


ABSURD = {
    "mp3 of 5e12 frames": absurd_mp3,
    "flac of 2^36 - 1 frames": lambda encode: flac_count(encode("clip.flac"), 2**36 - 1),
    "65535 channels": wav_form(2, "<H", 65535),
    "no channels": wav_form(2, "<H", 0),
    "rate 0": wav_form(4, "<I", 0),
    "rate 1": wav_form(4, "<I", 1),
    "rate 2^31 - 1": wav_form(4, "<I", 2**31 - 1),
    "rate 2^32 - 1": wav_form(4, "<I", 2**32 - 1),
}


@pytest.mark.parametrize("case", ABSURD)
@pytest.mark.parametrize("door", [opened, rate_of])
def test_absurd_claims_are_refused(
    encode: Callable[..., Path], case: str, door: Callable[[Path], object], no_ffmpeg: None
) -> None:
    with pytest.raises(ClipUnreadable, match="clip"):
        door(ABSURD[case](encode))


@needs_special_files
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(tmp_path / "socket.wav"))
        for path, word in (
            (tmp_path / "pipe.wav", "pipe"),
            (tmp_path / "socket.wav", "socket"),
            (tmp_path, "folder"),
            (Path("/dev/zero"), "device"),
        ):
            with pytest.raises(ClipUnreadable, match=word):
                opened(path)


@pytest.mark.parametrize("path", ["/proc/self/status", "/proc/self/mem", "/sys/kernel/mm/transparent_hugepage/enabled"])
def test_what_only_claims_to_be_a_file_is_refused(path: str) -> None:
    if not Path(path).exists():
        pytest.skip(f"this system has no {path}")
    with pytest.raises(ClipUnreadable, match=path):
        opened(Path(path))


def test_a_file_of_no_known_kind_reaches_no_decoder_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_ffmpeg: None
) -> None:
    monkeypatch.setattr(soundfile, "SoundFile", None)
    monkeypatch.setitem(sys.modules, "pedalboard.io", None)
    (tmp_path / "clip.wav").write_bytes(bytes(range(256)) * 100)
    with pytest.raises(ClipUnreadable, match="no kind") as caught:
        opened(tmp_path / "clip.wav")
    assert "Installing ffmpeg" in caught.value.hint


def test_what_the_system_decodes_is_read_by_pedalboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_ffmpeg: None
) -> None:
    expected, _ = everything(RECORDINGS / "guitar.flac")
    # On Linux JUCE has no decoder of the system's to ask: a FLAC stands for an m4a.
    monkeypatch.setattr(opening, "kind", lambda file: (Kind.MPEG4, 0))
    monkeypatch.setattr(opening, "SYSTEM_READS", {sys.platform: (Kind.MPEG4,)})
    audio, _ = everything(RECORDINGS / "guitar.flac")
    # JUCE takes full scale to be 32767, libsndfile 32768.
    np.testing.assert_allclose(audio, expected, atol=4e-5)


def test_what_is_decoded_leaves_no_file_behind(
    encode: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with opened(encode("clip.ogg", format="OGG", subtype="VORBIS")) as reader:
        reader.read(0, 1000)
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_named_where_sound_is_decoded(
    encode: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w+b") as full, pytest.raises(OutputUnwritable, match="No space left"):
        monkeypatch.setattr(decoded.tempfile, "TemporaryFile", lambda **_: full)
        opened(encode("clip.ogg", format="OGG", subtype="VORBIS"))


def test_decoding_can_be_stopped(encode: Callable[..., Path]) -> None:
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        ClipReader(ClipRef.of(str(encode("clip.ogg", format="OGG", subtype="VORBIS"))), stop)


@pytest.fixture
def convert(encode: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """convert(name, *ffmpeg options) -> the sound in a format that ffmpeg writes."""

    def run(name: str, *options: str) -> Path:
        source, target = encode("source.wav", subtype="FLOAT"), tmp_path / name
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, *options, f"file:{target}"], check=True)
        return target

    return run


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options", "tolerance", "frames"),
    [
        ("clip.m4a", ("-c:a", "aac"), None, FRAMES),
        ("clip.m4a", ("-c:a", "alac"), 1e-4, FRAMES),
        ("clip.wv", (), 1e-6, FRAMES),
        ("clip.mov", ("-c:a", "pcm_s16be"), 1e-4, FRAMES),
        ("clip.mkv", ("-c:a", "flac"), 1e-4, FRAMES),
        ("-clip.tta", (), 1e-4, FRAMES),
        ("clip.webm", ("-c:a", "libvorbis"), None, None),
    ],
)
def test_what_ffmpeg_reads_is_read(
    convert: Callable[..., Path],
    sound: np.ndarray,
    name: str,
    options: tuple[str, ...],
    tolerance: float | None,
    frames: int | None,
) -> None:
    path = convert(name, *options)
    assert rate_of(path) == RATE
    with opened(path) as reader:
        audio = reader.read(0, reader.frames)
        np.testing.assert_array_equal(reader.read(777, 1500), audio[:, 777:2277])
        assert reader.warnings == []
        assert reader.inputs[0]["path"] == str(path)
    assert abs(audio.shape[1] - (frames or FRAMES)) <= (0 if frames else 4096)
    if tolerance is not None:
        np.testing.assert_allclose(audio, sound, atol=tolerance)
    else:  # the sweep is at its place, which a delay of a few samples would show
        assert np.corrcoef(audio[0, : FRAMES - 4096], sound[0, : FRAMES - 4096])[0, 1] > 0.99


@needs_ffmpeg
def test_a_playlist_that_names_another_file_is_not_followed(encode: Callable[..., Path], tmp_path: Path) -> None:
    encode("secret.wav", subtype="PCM_16")
    for name, text in (
        ("list.m3u8", "#EXTM3U\n#EXTINF:3,\nsecret.wav\n#EXT-X-ENDLIST\n"),
        ("list.ffconcat", "ffconcat version 1.0\nfile secret.wav\n"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(ClipUnreadable, match=name):
            opened(tmp_path / name)


@needs_special_files
def test_an_ffmpeg_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = tmp_path / "ffmpeg"
    stuck.write_text("#!/bin/sh\nexec sleep 600\n")
    stuck.chmod(stuck.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(ffmpeg, "STALLED_S", 0.3)
    (tmp_path / "clip.m4a").write_bytes(b"\x00\x00\x00\x20ftypM4A " + bytes(1000))
    with pytest.raises(ClipUnreadable, match="waited"):
        opened(tmp_path / "clip.m4a")
