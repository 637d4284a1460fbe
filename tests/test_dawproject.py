"""Results as DAWprojects: valid by the format's own schema, at the right place to the sample; and clips out of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
import xmlschema

import dap_bridge
from dap_bridge.dawproject import placing, reading
from dap_bridge.dawproject.project import Project
from dap_bridge.errors import BadClip, BadRequest, ClipUnreadable, OutputUnwritable
from tests.conftest import shared
from tests.terminal import dap

Make = Callable[..., Path]
RATE = 44_100


@pytest.fixture
def clip(tmp_path: Path, noise: Callable[..., np.ndarray]) -> Make:
    """clip(channels=2, rate=RATE, name="take: one.wav", seconds=1) -> path."""

    def make(channels: int = 2, rate: int = RATE, name: str = "take <one>.wav", seconds: float = 1.0) -> Path:
        path = tmp_path / name
        soundfile.write(path, noise(channels, round(seconds * rate)).T, rate, subtype="FLOAT")
        return path

    return make


def valid(path: Path) -> ElementTree.Element:
    """The tree of a project that the format's schema allows."""
    schemas = shared("research/dawproject")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name, schema in (("project.xml", "Project.xsd"), ("metadata.xml", "MetaData.xsd")):
            xmlschema.XMLSchema(schemas / schema).validate(io.BytesIO(archive.read(name)))
        return ElementTree.fromstring(archive.read("project.xml"))


def heard(path: Path, scratch: Path) -> dict[str, tuple[np.ndarray, int]]:
    """Of every track with audio: what is heard, (channels, frames), from which frame on."""
    project = Project.read(path)
    found = {}
    for track in project.structure.iter("Track"):
        if track.get("contentType") == "audio" and track.get("name") != "Master":
            (event,) = reading.events(project, track)
            audio, rate = soundfile.read(event.path(path, scratch), dtype="float32", always_2d=True)
            assert rate == event.rate
            whole = audio[event.start : event.start + event.frames].T
            found[str(track.get("name"))] = (whole, round(event.at * rate))
    return found


def muted(tree: ElementTree.Element) -> list[str]:
    tracks = (track for track in tree.iter("Track") if track.find("Channel/Mute[@value='true']") is not None)
    return [str(track.get("name")) for track in tracks]


@pytest.mark.parametrize(("channels", "rate", "sources"), [(1, RATE, 2), (2, 96_000, 3)])
def test_a_separation_stands_on_tracks_where_its_clip_lies(
    clip: Make, tmp_path: Path, channels: int, rate: int, sources: int
) -> None:
    path = clip(channels, rate)
    start, frames = rate // 4 + 1, rate // 2 + 3
    made = dap_bridge.run(
        "separate", path, start=start, frames=frames, rate=rate, sources=sources, preset="quick", out=tmp_path / "out"
    )
    placing.write(tmp_path / "out", tmp_path / "song.dawproject")
    tree = valid(tmp_path / "song.dawproject")
    assert muted(tree) == ["take <one>"]
    found = heard(tmp_path / "song.dawproject", tmp_path / "scratch")
    assert list(found) == ["take <one>", *(stem.name for stem in made.manifest.stems)]
    source, *stems = found.values()
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0][start : start + frames].T
    np.testing.assert_array_equal(source[0], expected)
    for (audio, at), stem in zip(stems, made.stems, strict=True):
        assert at == source[1] == start
        np.testing.assert_array_equal(audio, stem)


def test_other_answers_are_muted_in_folders_of_their_own(clip: Make, tmp_path: Path) -> None:
    made = dap_bridge.separate(clip(), preset="quick", alternatives=3, out=tmp_path / "out")
    placing.write(tmp_path / "out", tmp_path / "song.dawproject")
    tree = valid(tmp_path / "song.dawproject")
    further = made.manifest.alternatives[1:]
    folders = [str(track.get("name")) for track in tree.iter("Track") if track.get("contentType") == "tracks"]
    assert folders[1:] == [f"{one.index}: {one.what}" for one in further] != []
    assert muted(tree)[1:] == [stem.name for one in further for stem in one.stems]


def test_what_several_clips_share_and_a_texture_stand_on_tracks_too(clip: Make, tmp_path: Path) -> None:
    paths = [clip(1, name=name, seconds=2) for name in ("a.wav", "b.wav")]
    items = [f"{start}::{RATE}:{path}" for start, path in zip((0, 100), paths, strict=True)]
    made = dap_bridge.run("coseparate", item=items, preset="quick-coseparate", out=tmp_path / "shared")
    dap_bridge.run("texture", paths[0], frames=RATE, preset="quick-texture", length=2 * RATE, out=tmp_path / "more")
    for name in ("shared", "more"):
        placing.write(tmp_path / name, tmp_path / f"{name}.dawproject")
        valid(tmp_path / f"{name}.dawproject")
    found = heard(tmp_path / "shared.dawproject", tmp_path / "scratch")
    starts = {1: 0, 2: 100, None: 0}
    assert {stem.name: found[stem.name][1] for stem in made.manifest.stems} == {
        stem.name: starts[stem.input] for stem in made.manifest.stems
    }
    assert {name: found[name][1] for name in ("a", "b")} == {"a": 0, "b": 100}


def test_a_command_writes_one_beside_its_result(clip: Make, tmp_path: Path) -> None:
    target = tmp_path / "song.dawproject"
    done = dap("separate", clip(1), "-p", "quick", "--dawproject", target)
    assert done.returncode == 0, done.stderr
    assert "song.dawproject" in done.stdout
    valid(target)
    again = dap("separate", clip(1), "-p", "quick", "--dawproject", target, "--json")
    assert again.returncode == 2 and "there already" in again.stdout
    assert sorted(path.name for path in tmp_path.glob("take*")) == ["take <one>-stems", "take <one>.wav"]
    many = dap("separate", clip(1), clip(1, name="b.wav"), "--dawproject", tmp_path / "b.dawproject", "--json")
    assert many.returncode == 2 and "of one clip" in many.stdout


def test_a_command_takes_a_track_of_a_project_and_writes_it_anew(clip: Make, tmp_path: Path) -> None:
    path = song(tmp_path / "song.dawproject", clip(1, seconds=2, name="drums.wav"))
    both = song(tmp_path / "both.dawproject", clip(1, seconds=2, name="drums.wav"), beside=KEYS)
    asked = dap("separate", both, "-p", "quick", "--json")
    assert asked.returncode == 2 and "'Drums', 'Keys'" in asked.stdout and "Master" not in asked.stdout
    done = dap("separate", path, "-p", "quick")  # where there is audio on one track alone, that is meant
    assert done.returncode == 0, done.stderr
    made = tmp_path / "song with stems.dawproject"
    assert made.name in done.stdout
    project = Project.read(made)
    source, folder = list(project.structure)[:2]
    assert source.find("Channel/Mute").get("value") == "true"  # type: ignore[union-attr]
    stems = [str(track.get("name")) for track in folder.findall("Track")]
    assert stems == ["drums - stem 1", "drums - stem 2"]
    events = [reading.events(project, reading.track_named(project, name))[0] for name in stems]
    assert [(event.at, event.frames) for event in events] == [(2.0, RATE)] * 2
    assert sorted(one.name for one in (tmp_path / "song-stems").iterdir()) == ["Drums-stems", "clips"]
    stray = dap("separate", clip(1), "--track", "drums", "--json")
    assert stray.returncode == 2 and "--track" in stray.stdout


def test_nothing_is_written_over_and_nothing_is_left(clip: Make, tmp_path: Path) -> None:
    dap_bridge.separate(clip(), preset="quick", out=tmp_path / "out")
    target = tmp_path / "folder" / "song.dawproject"
    with pytest.raises(OutputUnwritable):
        placing.write(tmp_path / "out", target)
    target.parent.mkdir()
    target.write_text("mine")
    with pytest.raises(OutputUnwritable, match="there already"):
        placing.write(tmp_path / "out", target)
    assert [path.name for path in target.parent.iterdir()] == ["song.dawproject"]
    assert target.read_text() == "mine"


# As Bitwig Studio writes one: times in beats at 90 a minute, audio in clips within clips, laid out by warps.
SONG = """<Project version="1.0"><Application name="Bitwig Studio" version="5.0"/>
<Transport><Tempo max="666" min="20" unit="bpm" value="90.0" id="t"/></Transport>
<Structure><Track contentType="audio" id="drums" name="Drums"><Channel id="c" role="regular" destination="m"/></Track>
<Track contentType="notes" id="keys" name="Keys"/>
<Track id="master" name="Master"><Channel id="m" role="master"/></Track></Structure>
<Arrangement id="a"><Lanes timeUnit="beats" id="l">{beside}<Lanes track="drums" id="d"><Clips id="k">
<Clip time="3.0" duration="{duration}" playStart="0.75" {more}><Clips id="i">
<Clip time="0.0" duration="6.0" contentTimeUnit="beats" playStart="0.0">
<Warps contentTimeUnit="seconds" timeUnit="beats" id="w">
<Audio algorithm="stretch" channels="1" duration="2.0" sampleRate="44100" id="f"><File path="audio/{member}"/></Audio>
<Warp time="0.0" contentTime="0.0"/><Warp time="{beats}" contentTime="2.0"/></Warps></Clip></Clips></Clip></Clips>
</Lanes></Lanes></Arrangement></Project>"""


KEYS = """<Lanes track="keys" id="e"><Clips id="n"><Clip time="0" duration="1">
<Audio channels="1" duration="2.0" sampleRate="44100" id="g"><File path="audio/drums.wav"/></Audio>
</Clip></Clips></Lanes>"""


def song(path: Path, audio: Path | None, **values: str) -> Path:
    values = {"duration": "1.5", "more": "", "member": "drums.wav", "beats": "3.0", "beside": ""} | values
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("project.xml", SONG.format(**values))
        archive.writestr("plugins/state.bin", b"other people's")
        if audio is not None:
            archive.write(audio, "audio/drums.wav")
    return path


def test_a_clip_is_found_in_a_project_and_its_stems_are_put_below_its_track(clip: Make, tmp_path: Path) -> None:
    path = song(tmp_path / "song.dawproject", clip(1, seconds=2, name="drums.wav"))
    project = Project.read(path)
    track = reading.track_named(project, "drums")
    (event,) = reading.events(project, track)
    # three beats are two seconds: the clip begins there, half a second into the file, and lasts a second
    assert (event.at, event.start, event.frames) == (2.0, RATE // 2, RATE)
    source = event.path(path, tmp_path / "clips")
    about = {"start": event.start, "frames": event.frames, "rate": event.rate}
    made = dap_bridge.run("separate", source, preset="quick", out=tmp_path / "out", **about)
    placing.put(project, tmp_path / "out" / "manifest.json", made.manifest, tmp_path, at=event.at, beside=track)
    project.write(tmp_path / "with stems.dawproject", "song")
    with zipfile.ZipFile(tmp_path / "with stems.dawproject") as archive:
        assert archive.read("plugins/state.bin") == b"other people's"
    again = Project.read(tmp_path / "with stems.dawproject")
    assert [track.get("name") for track in again.structure] == ["Drums", "drums", "Keys", "Master"]
    for stem, audio in zip(made.manifest.stems, made.stems, strict=True):
        (placed,) = reading.events(again, reading.track_named(again, stem.name))
        assert (placed.at, placed.frames) == (2.0, RATE)
        found = soundfile.read(placed.path(tmp_path / "with stems.dawproject", tmp_path / "read"), dtype="float32")[0]
        np.testing.assert_array_equal(found, audio[0])


@pytest.mark.parametrize(
    ("values", "track", "error", "said"),
    [
        ({"beats": "4.0"}, "Drums", BadClip, "stretched"),
        ({"more": 'loopStart="0" loopEnd="1"'}, "Drums", BadClip, "looped"),
        ({"more": 'enable="false"'}, "Drums", BadClip, "no audio"),
        ({"duration": "long"}, "Drums", BadClip, "a time or a rate that is none"),
        ({"duration": "nan"}, "Drums", BadClip, "a time or a rate that is none"),
        ({}, "Keys", BadClip, "no audio"),
        ({}, "Bass", BadRequest, "'Drums', 'Keys', 'Master'"),
    ],
)
def test_what_is_no_plain_audio_is_refused(
    tmp_path: Path, values: dict[str, str], track: str, error: type[Exception], said: str
) -> None:
    project = Project.read(song(tmp_path / "song.dawproject", None, **values))
    with pytest.raises(error) as refused:
        reading.events(project, reading.track_named(project, track))
    assert said in f"{refused.value} {getattr(refused.value, 'hint', '')}"


def test_what_is_no_project_is_refused(tmp_path: Path, clip: Make) -> None:
    (tmp_path / "text.dawproject").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "empty.dawproject", "w") as archive:
        archive.writestr("project.xml", "<Project/>")
    for name in ("text", "empty", "absent"):
        with pytest.raises(BadRequest, match="no DAWproject"):
            Project.read(tmp_path / f"{name}.dawproject")
    path = song(tmp_path / "song.dawproject", None)
    (event,) = reading.events(Project.read(path), reading.track_named(Project.read(path), "Drums"))
    with pytest.raises(BadRequest, match="does not hold it"):
        event.path(path, tmp_path / "clips")
    whole = song(tmp_path / "whole.dawproject", clip(1, seconds=2, name="drums.wav"))
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    whole.write_bytes(content)
    with pytest.raises(BadRequest, match="damaged"):
        event.path(whole, tmp_path / "clips")
    assert not list((tmp_path / "clips").iterdir()), "nothing of it is left"


def test_stems_that_are_gone_are_said_so(clip: Make, tmp_path: Path) -> None:
    made = dap_bridge.separate(clip(), preset="quick", out=tmp_path / "out")
    (tmp_path / "out" / made.manifest.stems[0].path).unlink()
    with pytest.raises(ClipUnreadable):
        placing.write(tmp_path / "out", tmp_path / "song.dawproject")
    assert not (tmp_path / "song.dawproject").exists()
