"""Files as recorders, encoders, pipes and crashes leave them: what is there is read to its end, and less is said."""

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
from tests.conftest import RECORDINGS

RATE = 44100
FRAMES = 3 * RATE

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg on the PATH")
needs_special_files = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system with named pipes")


def opened(path: Path) -> ClipReader:
    return ClipReader(ClipRef.of(str(path)))


def everything(path: Path) -> tuple[np.ndarray, list[str]]:
    """All samples (channels, frames), and what was said of the file."""
    with opened(path) as reader:
        return reader.read(0, reader.frames), reader.warnings


@pytest.fixture
def sound() -> np.ndarray:
    """(2, FRAMES): a sweep, and noise that comes and goes, so that no stretch is like another and VBR varies."""
    time = np.arange(FRAMES) / RATE
    bursts = 0.2 * np.random.default_rng(0).standard_normal(FRAMES) * (np.sin(2 * np.pi * 0.7 * time) > 0)
    return np.stack([0.3 * np.sin(2 * np.pi * (200 + 400 * time) * time), bursts]).astype(np.float32)


@pytest.fixture
def encode(tmp_path: Path, sound: np.ndarray) -> Callable[..., Path]:
    """encode(name, **soundfile options) -> the sound's path."""

    def write(name: str, **options: object) -> Path:
        soundfile.write(tmp_path / name, sound.T, RATE, **options)
        return tmp_path / name

    return write


def put(path: Path, *fields: tuple[int, bytes]) -> Path:
    """Write over some bytes."""
    content = bytearray(path.read_bytes())
    for place, value in fields:
        content[place : place + len(value)] = value
    path.write_bytes(content)
    return path


def cut(path: Path, share: float) -> Path:
    """Keep that share of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path


def at(path: Path, wanted: bytes) -> int:
    return path.read_bytes().index(wanted)


def riff_sizes(path: Path, whole: int, data: int) -> Path:
    return put(path, (4, struct.pack("<I", whole)), (at(path, b"data") + 4, struct.pack("<I", data)))


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
    assert f"{frames} frames" in warning
    assert "of 3.00 s" in warning


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
    with pytest.raises(Exception, match="0 frames"):
        opened(path)


def flac_count(path: Path, frames: int) -> Path:
    """Have the header say so many."""
    rate_and_more = path.read_bytes()[21] & 0xF0
    return put(path, (21, bytes([rate_and_more | frames >> 32]) + struct.pack(">I", frames & 2**32 - 1)))


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
    assert str(frames) in warning


def mp3(encode: Callable[..., Path], mode: str) -> Path:
    return encode("clip.mp3", format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=0.5)


def xing(path: Path) -> int:
    """Where the frame begins that counts the others."""
    content = path.read_bytes()
    return max(content.find(b"Xing"), content.find(b"Info"))


def without_xing(path: Path) -> Path:
    content, count = path.read_bytes(), xing(path)
    first = content.rindex(b"\xff\xfb", 0, count)
    path.write_bytes(content[:first] + content[content.index(b"\xff\xfb", count) :])
    return path


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
    assert f"{frames} frames" in warning


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
    with pytest.raises(ClipUnreadable, match=rf"at frame {FRAMES} from 2 channels at 44100 Hz to 2 at 48000 Hz"):
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


@pytest.fixture
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is read without it."""
    monkeypatch.setattr(ffmpeg, "command", lambda: None)


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
