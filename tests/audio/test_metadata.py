"""What a clip carries beside its samples goes on, at its place in time; what is damaged is left out, and said."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from dap_bridge.audio import metadata
from dap_bridge.audio.files import ClipReader
from dap_bridge.audio.plan import Chunk
from dap_bridge.audio.stems import StemWriter
from dap_bridge.domain import ChannelRef, ClipRef, Format
from tests.audio import broadcast
from tests.audio.broadcast import MIDNIGHT, RATE, adtl, bext, cue, info, ixml, smpl

# (path of the clip, first frame, frames, channels) -> the stem's path and what was left out
Stem = Callable[..., tuple[Path, tuple[str, ...]]]
START, FRAMES = 1000, 3000


@pytest.fixture
def audio() -> np.ndarray:
    return np.random.default_rng(0).integers(-3000, 3000, (2, 6000)).astype(np.int16)


@pytest.fixture
def stem(tmp_path: Path) -> Stem:
    """stem(path, form, start, frames, channels) -> a clip written again as it is."""

    def make(
        path: Path,
        form: Format = Format.FLOAT32,
        start: int = START,
        frames: int | None = FRAMES,
        channels: tuple[int, ...] = (),
    ) -> tuple[Path, tuple[str, ...]]:
        refs = tuple(ChannelRef(str(path), channel) for channel in channels) or (ChannelRef(str(path)),)
        with ClipReader(ClipRef(refs, start, frames)) as reader:
            carried = metadata.carried(reader, form)
            to = tmp_path / f"stem{form.suffix}"
            shape = (reader.rate, reader.channels, reader.frames)
            with StemWriter([to], *shape, form, carried, reader.read) as writer:
                writer.write(Chunk(0, 0, reader.frames, 0), reader.read(0, reader.frames)[None], None)
        return to, carried.warnings

    return make


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("kind", ["", "RF64"])
@pytest.mark.parametrize("after", [False, True])
def test_time_reference_is_that_of_the_first_frame(
    tmp_path: Path, audio: np.ndarray, stem: Stem, form: Format, kind: str, after: bool
) -> None:
    sides = ([], [bext()]) if after else ([bext()], [])
    path, warnings = stem(broadcast.wav(tmp_path / "a.wav", audio, *sides, kind=kind), form)
    assert warnings == ()
    was, now = bext()[1], broadcast.of(path)[b"bext"]
    assert broadcast.time_reference(path) == MIDNIGHT + START
    assert (now[:338], now[346:412]) == (was[:338], was[346:412])  # texts and date, version and UMID
    assert now[412:422] == b"\xff\x7f" * 5  # loudness was the whole clip's
    bits = {Format.FLOAT32: 32, Format.PCM16: 16}.get(form, 24)
    assert now[602:] == broadcast.HISTORY + f"A=PCM,F=48000,W={bits},M=stereo,T=dap-bridge\r\n".encode()


def test_a_bext_stands_before_the_samples(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    path, _ = stem(broadcast.wav(tmp_path / "a.wav", audio, [], [bext()]))
    names = list(broadcast.of(path))
    assert names.index(b"bext") < names.index(b"data")


def test_cue_points_and_loops_that_are_inside_are_moved(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    points = cue(enumerate([999, 1000, 2500, 3999, 4000, 500, 3500, 0, 900], 1))
    said = adtl({2: b"first", 3: b"middle", 6: b"from before"}, {6: 700, 7: 9000, 8: 9000, 9: 100})
    around = smpl([(1000, 3999), (1500, 2000), (999, 2000), (3000, 4000)])
    path, warnings = stem(broadcast.wav(tmp_path / "a.wav", audio, [], [points, said, around]), Format.PCM24)
    assert warnings == ()
    assert broadcast.cues(path) == {
        2: (0, b"first", 0),
        3: (1500, b"middle", 0),
        4: (2999, b"", 0),
        6: (0, b"from before", 200),  # a region is cut at the edges
        7: (2500, b"", 500),
        8: (0, b"", 3000),
    }
    assert broadcast.loops(path) == [(0, 2999), (500, 1000)]
    assert struct.unpack_from("<I", broadcast.of(path)[b"smpl"], 12) == (60,)  # the note


def test_no_point_inside_is_no_chunk(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    clip = broadcast.wav(tmp_path / "a.wav", audio, [], [cue([(1, 5)]), adtl({1: b"early"}, {})])
    assert not {b"cue ", b"adtl"} & set(broadcast.of(stem(clip)[0]))


PRODUCTION = f"""<SCENE>Füm</SCENE><SPEED><TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>1</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>
<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>4294967000</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO></SPEED>
<SYNC_POINT_LIST><SYNC_POINT_COUNT>3</SYNC_POINT_COUNT>
<SYNC_POINT><SYNC_POINT_TYPE>RELATIVE</SYNC_POINT_TYPE><SYNC_POINT_LOW>10</SYNC_POINT_LOW></SYNC_POINT>
<SYNC_POINT><SYNC_POINT_TYPE>RELATIVE</SYNC_POINT_TYPE><SYNC_POINT_LOW>1200</SYNC_POINT_LOW></SYNC_POINT>
<SYNC_POINT><SYNC_POINT_TYPE>ABSOLUTE</SYNC_POINT_TYPE><SYNC_POINT_LOW>77</SYNC_POINT_LOW></SYNC_POINT></SYNC_POINT_LIST>
<TRACK_LIST><TRACK_COUNT>2</TRACK_COUNT>
<TRACK><CHANNEL_INDEX>3</CHANNEL_INDEX><INTERLEAVE_INDEX>1</INTERLEAVE_INDEX><NAME>Boom</NAME></TRACK>
<TRACK><CHANNEL_INDEX>7</CHANNEL_INDEX><INTERLEAVE_INDEX>2</INTERLEAVE_INDEX><NAME>Lav</NAME></TRACK></TRACK_LIST>
<BEXT><BWF_TIME_REFERENCE_LOW>{MIDNIGHT}</BWF_TIME_REFERENCE_LOW></BEXT>"""


def test_ixml_tells_of_the_stretch_and_of_its_channels(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    clip = broadcast.wav(tmp_path / "a.wav", audio, [ixml(PRODUCTION)], [])
    path, warnings = stem(clip, channels=(1,))
    assert warnings == ()
    root = ElementTree.fromstring(broadcast.of(path)[b"iXML"])
    assert root.findtext("SCENE") == "Füm"
    moved = {name: root.findtext(f"SPEED/TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_{name}") for name in ("HI", "LO")}
    assert moved == {"HI": "2", "LO": str(4_294_967_000 + START - 2**32)}
    assert root.findtext("BEXT/BWF_TIME_REFERENCE_LOW") == str(MIDNIGHT + START)
    assert [point.findtext("SYNC_POINT_LOW") for point in root.iter("SYNC_POINT")] == ["200", "77"]
    assert (root.findtext("SYNC_POINT_LIST/SYNC_POINT_COUNT"), root.findtext("TRACK_LIST/TRACK_COUNT")) == ("2", "1")
    (track,) = root.iter("TRACK")
    assert [track.findtext(name) for name in ("CHANNEL_INDEX", "INTERLEAVE_INDEX", "NAME")] == ["7", "1", "Lav"]


BOMB = """<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">
<!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><BWFXML>&c;</BWFXML>"""


@pytest.mark.parametrize(
    "bad",
    [
        (b"bext", bext()[1][:400]),
        (b"bext", bext(time=2**64 - 1)[1]),
        (b"iXML", b"<BWFXML><SCENE></BWFXML>"),
        (b"iXML", b"<BWFXML><SPEED><TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>now</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>"
                  b"</SPEED></BWFXML>"),
        (b"iXML", BOMB.encode()),
        (b"iXML", BOMB.replace("1.0", '1.0" encoding="UTF-16', 1).encode("utf-16")),
        (b"iXML", b"<a>" * 100_000 + b"</a>" * 100_000),
        (b"iXML", b'<?xml version="1.0" encoding="none"?><BWFXML/>'),
        (b"iXML", b" " * (2 << 20)),
        (b"cue ", b"\xff\xff\xff\xff" + bytes(24)),
        (b"cue ", b""),
        (b"smpl", struct.pack("<9I", 0, 0, 0, 0, 0, 0, 0, 5000, 0)),
        (b"smpl", bytes(10)),
    ],
    ids=lambda bad: f"{bad[0].decode().strip()}-{len(bad[1])}",
)  # fmt: skip
def test_what_is_damaged_is_left_out_and_said(
    tmp_path: Path, audio: np.ndarray, stem: Stem, bad: tuple[bytes, bytes]
) -> None:
    path, warnings = stem(broadcast.wav(tmp_path / "a.wav", audio, [bad, info(INAM="Birds")], []))
    assert bad[0] not in broadcast.of(path)
    assert soundfile.SoundFile(path).title == "Birds"
    (said,) = warnings
    assert "did not go into the results" in said


def test_whatever_the_bytes_a_stem_is_written(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    around = [bext(), ixml(PRODUCTION), cue([(1, 1500)]), adtl({1: b"x"}, {1: 9}), smpl([(1, 2)]), info(INAM="Birds")]
    whole = broadcast.wav(tmp_path / "a.wav", audio[:, :4000], around, []).read_bytes()
    head = whole.index(b"fmt ")
    dice, written = np.random.default_rng(0), 0
    for _ in range(300):
        content = bytearray(whole)
        for at in dice.integers(12, head, dice.integers(1, 20)):
            content[at] = dice.integers(256)
        clip = tmp_path / "b.wav"
        clip.write_bytes(content)
        with contextlib.suppress(soundfile.LibsndfileError):  # its samples are not found: what this is not about
            if soundfile.info(clip).frames == 4000:
                broadcast.of(stem(clip)[0])
                written += 1
    assert written > 100


@pytest.mark.parametrize("form", [Format.FLOAT32, Format.PCM16, Format.FLAC])
@pytest.mark.parametrize("channels", [(), (0, 1, 2), (1, 0, 2), (0, 1)])
def test_the_channel_mask_is_kept_with_all_channels_in_order(
    tmp_path: Path, stem: Stem, form: Format, channels: tuple[int, ...]
) -> None:
    clip = broadcast.wav(tmp_path / "a.wav", np.ones((3, 6000), np.int16), [bext()], [], mask=0b1011)
    path, _ = stem(clip, form, channels=channels)
    fmt = broadcast.of(path)[b"fmt "]
    kept = struct.unpack_from("<I", fmt, 20)[0] if fmt[:2] == b"\xfe\xff" else None
    assert kept == (0b1011 if channels in ((), (0, 1, 2)) else None)
    assert soundfile.info(path).channels == len(channels or (0, 1, 2))


TAGS = {"title": "Birds", "artist": "Müller", "album": "Wald", "date": "2024", "genre": "Field", "comment": "at dawn"}


@pytest.mark.parametrize("form", [Format.FLOAT32, Format.FLAC])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_tags_go_on(tmp_path: Path, audio: np.ndarray, stem: Stem, kind: str, form: Format) -> None:
    clip = tmp_path / "clip"
    with soundfile.SoundFile(clip, "w", RATE, 2, format=kind) as file:
        for name, text in TAGS.items():
            setattr(file, name, text)
        file.write(audio.T)
    was = soundfile.SoundFile(clip).copy_metadata()
    assert was["title"] == "Birds"
    with soundfile.SoundFile(stem(clip, form)[0]) as file:
        now = file.copy_metadata()
    assert {name: now.get(name) for name in TAGS} == {name: was.get(name) for name in TAGS}


def test_tags_that_few_know_go_on_between_wav_files(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    path, _ = stem(broadcast.wav(tmp_path / "a.wav", audio, [info(INAM="Birds", IENG="Eve")], [(b"id3 ", b"ID3...")]))
    assert broadcast.of(path)[b"INFO"] == info(INAM="Birds", IENG="Eve")[1]
    assert broadcast.of(path)[b"id3 "] == b"ID3..."


def test_a_loops_beats_go_on_with_all_of_it_alone(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    clip = broadcast.wav(tmp_path / "a.wav", audio, [], [(b"acid", bytes(24))])
    assert b"acid" in broadcast.of(stem(clip, start=0, frames=None)[0])
    assert b"acid" not in broadcast.of(stem(clip, start=0)[0])


def test_aiff_markers_become_cue_points(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    clip = tmp_path / "a.aiff"
    soundfile.write(clip, audio.T, RATE)
    marks = [struct.pack(">HIB", name, frame, len(text)) + text for name, frame, text in
             ((1, 500, b"early"), (2, 1500, b"here"))]  # fmt: skip
    content = struct.pack(">H", 2) + b"".join(mark + b"\0" * (len(mark) % 2) for mark in marks)
    with clip.open("ab") as file:
        file.write(b"MARK" + struct.pack(">I", len(content)) + content)
    assert broadcast.cues(stem(clip)[0]) == {2: (500, b"here", 0)}


def test_what_a_flac_stem_carries_goes_on_when_it_is_the_clip(tmp_path: Path, audio: np.ndarray, stem: Stem) -> None:
    around = [bext(), cue([(1, 2500)]), info(INAM="Birds")]
    first, _ = stem(broadcast.wav(tmp_path / "a.wav", audio, around, [], mask=3), Format.FLAC)
    clip = first.rename(tmp_path / "clip.flac")
    for form in (Format.FLAC, Format.PCM16):
        path, warnings = stem(clip, form, start=500, frames=2000)
        assert warnings == ()
        assert (broadcast.time_reference(path), broadcast.cues(path)) == (MIDNIGHT + 1500, {1: (1000, b"", 0)})
        assert soundfile.SoundFile(path).title == "Birds"
        assert struct.unpack_from("<I", broadcast.of(path)[b"fmt "], 20) == (3,)


def test_a_clip_that_carries_nothing_gives_what_libsndfile_writes(
    tmp_path: Path, audio: np.ndarray, stem: Stem
) -> None:
    clip, audio = tmp_path / "a.wav", audio[:1, : START + FRAMES - 1]  # of 24 bits an odd number of bytes
    soundfile.write(clip, audio.T, RATE)
    for form, subtype in ((Format.FLOAT32, "FLOAT"), (Format.PCM24, "PCM_24"), (Format.PCM16, "PCM_16")):
        soundfile.write(tmp_path / "same.wav", audio.T[START:] / 32768, RATE, subtype=subtype)
        same, ours = (path.read_bytes() for path in (tmp_path / "same.wav", stem(clip, form, frames=None)[0]))
        at = same.find(b"PEAK")
        if at > 0:  # it says when it was written, and ours does not
            same = same[: at + 12] + bytes(4) + same[at + 16 :]
        assert ours == same
    soundfile.write(tmp_path / "same.flac", audio.T[START:].astype(np.int32) << 16, RATE, "PCM_24")
    assert stem(clip, Format.FLAC, frames=None)[0].read_bytes() == (tmp_path / "same.flac").read_bytes()


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe")
@pytest.mark.parametrize("form", list(Format))
def test_ffprobe_reads_it_so(tmp_path: Path, audio: np.ndarray, stem: Stem, form: Format) -> None:
    around = [bext(), cue([(1, 2500)]), adtl({1: b"here"}, {}), info(INAM="Birds")]
    path, _ = stem(broadcast.wav(tmp_path / "a.wav", audio, around, [], mask=3), form)
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters", path]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    tags = {name.lower(): text for name, text in found["format"]["tags"].items()}
    assert (tags["title"], tags["time_reference"]) == ("Birds", str(MIDNIGHT + START))
    assert found["streams"][0]["channel_layout"] == "stereo"
    if form is not Format.FLAC:
        assert [chapter["tags"]["title"] for chapter in found["chapters"]] == ["here"]
