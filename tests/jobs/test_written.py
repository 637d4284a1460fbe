"""Every verb writes in the format that is asked for, and puts what the clip carries at its place in time."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tomli_w

from dap_bridge.domain import Format, Job
from dap_bridge.errors import BadRequest
from dap_bridge.jobs import worker
from dap_bridge.jobs.sessions import Sessions
from dap_bridge.jobs.unwatched import Unwatched
from dap_bridge.names import file_names
from dap_bridge.transport import protocol
from dap_bridge.verbs.request import JobVerb
from tests.audio import broadcast
from tests.audio.broadcast import MIDNIGHT, RATE, adtl, bext, cue, info

Do = Callable[..., dict[str, Any]]
FLOOR_DB = -200


@pytest.fixture
def do(tmp_path: Path) -> Do:
    """do(verb, name, **fields) -> the manifest of a job called `name`, with the paths of its stems as `files`."""
    sessions = Sessions(tmp_path / "sessions", most_bytes=1e9, most_days=1)

    def run(verb: str, name: str, **fields: Any) -> dict[str, Any]:
        message = protocol.parse(verb, fields | {"out": str(tmp_path / name)})
        assert isinstance(message, JobVerb)
        control = Unwatched(tmp_path / "jobs" / name, sessions)
        path = worker.run(Job(name, verb, message.request()), control, tmp_path)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return manifest | {"files": [path.parent / stem["path"] for stem in manifest["stems"]]}

    return run


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """1.5 s of a recorder's stereo in 16 bits, with a marker at one second."""
    time = np.arange(3 * RATE // 2) / RATE
    dice = np.random.default_rng(0)
    audio = np.stack([np.sin(2 * np.pi * 330 * time) * (time % 0.5 < 0.25), dice.standard_normal(len(time))])
    around = [bext(), cue([(1, RATE)]), adtl({1: b"here"}, {}), info(INAM="Birds")]
    mixed = np.array([[1, 0.2], [1, 0.3]]) @ audio
    return broadcast.wav(tmp_path / "take 2.wav", np.rint(5000 * mixed).astype(np.int16), around, [], mask=3)


def subtypes(result: dict[str, Any]) -> set[str]:
    return {soundfile.info(path).subtype for path in result["files"]}


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("verb", ["separate", "denoise"])
def test_stems_of_one_clip(do: Do, recording: Path, verb: str, form: Format) -> None:
    preset = {"separate": "quick", "denoise": "denoise"}[verb]
    made = do(verb, "out", clip=str(recording), start=12_000, frames=48_000, preset=preset, format=form)
    assert made["format"] == form
    assert [path.name for path in made["files"]] == [f"stem-{index}{form.suffix}" for index in (1, 2)]
    assert subtypes(made) == {"FLOAT" if form is Format.FLOAT32 else f"PCM_{form.bits}"}
    assert made["null_db"] <= -130 if form is Format.FLOAT32 else made["null_db"] == FLOOR_DB
    assert made["warnings"] == []
    for path in made["files"]:
        assert broadcast.time_reference(path) == MIDNIGHT + 12_000
        assert broadcast.cues(path) == {1: (36_000, b"here", 0)}
        assert soundfile.SoundFile(path).title == "Birds"


def test_stems_of_several_clips_stand_where_each_was_and_the_shared_sound_nowhere(
    do: Do, recording: Path, tmp_path: Path
) -> None:
    audio = soundfile.read(recording, dtype="int16")[0].T
    other = broadcast.wav(tmp_path / "b.wav", np.roll(audio, 9000, axis=1), [bext(time=5)], [])
    items = [f"6000:60000::{recording}", f"0:::{other}"]
    made = do("coseparate", "out", item=items, preset="quick-coseparate", format="24")
    assert subtypes(made) == {"PCM_24"}
    assert [entry["null_db"] for entry in made["inputs"]] == [FLOOR_DB, FLOOR_DB]
    assert [stem["input"] for stem in made["stems"]] == [1, 1, 2, 2, None]
    times = [broadcast.time_reference(path) for path in made["files"]]
    assert times == [MIDNIGHT + 6000, MIDNIGHT + 6000, 5, 5, None]


@pytest.mark.parametrize("mode", ["extend", "loop", "gap", "between"])
def test_a_texture_stands_where_its_first_frame_does(do: Do, recording: Path, mode: str) -> None:
    whole = {"clip": str(recording), "start": 6000, "frames": 60_000, "preset": "quick-texture", "format": "16"}
    fields: dict[str, Any] = {
        "extend": {"length": 70_000},
        "loop": {"length": 110_000, "mode": "loop"},
        "gap": {"length": 9_000, "mode": "fill", "gap_start": 40_000},
        "between": {"length": 9_000, "mode": "fill", "after": str(recording)},
    }[mode]
    (path,) = do("texture", "out", **whole, **fields)["files"]
    begins = {"gap": 40_000, "between": 60_000}.get(mode, 0)
    assert (path.name, soundfile.info(path).subtype) == ("texture-1.wav", "PCM_16")
    assert broadcast.time_reference(path) == MIDNIGHT + 6000 + begins
    inside = {} if mode == "between" else {1: (RATE - 6000 - begins, b"here", 0)}
    assert broadcast.cues(path) == inside
    if not begins:  # the clip itself, untouched
        kept = soundfile.read(path, dtype="int16")[0][:50_000]
        np.testing.assert_array_equal(kept, soundfile.read(recording, start=6000, frames=50_000, dtype="int16")[0])


@pytest.fixture
def three_chunks(quick_presets: Path) -> str:
    """The name of a preset that cuts the recording in three."""
    table = tomllib.loads((quick_presets / "quick.toml").read_text(encoding="utf-8"))
    table["chunk"] = {"seconds": 0.7, "overlap_s": 0.3}
    (quick_presets / "short.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    return "short"


BOX = "stem=1,op=deactivate,start=0.1,end=0.3,low=800,high=3000"
AT_ONCE: dict[str, Any] = {"box": [BOX], "fit": False}


@pytest.mark.parametrize(
    ("first", "asked", "copied"),
    [("float32", "16", True), ("24", "flac", True), ("16", "24", False)],
)
def test_a_correction_copies_what_loses_nothing(
    do: Do, recording: Path, three_chunks: str, tmp_path: Path, first: str, asked: str, copied: bool
) -> None:
    """Far from its boxes: with the stems there or not, the same bytes; where they are copied, with nothing learned."""
    do("separate", "first", clip=str(recording), preset=three_chunks, format=first)
    kept = tmp_path / "sessions" / "fits"
    names = json.loads((tmp_path / "sessions" / "sessions" / "first.json").read_text())["fits"]
    made = do("refine", "made", session="first", **AT_ONCE, format=asked)
    content = (kept / f"{names[2]}.safetensors").read_bytes()
    (kept / f"{names[2]}.safetensors").unlink()
    without = do("refine", "without", session="first", **AT_ONCE, format=asked)
    assert any("separated again" in warning for warning in without["warnings"]) != copied
    assert [path.read_bytes() for path in without["files"]] == [path.read_bytes() for path in made["files"]]
    (kept / f"{names[2]}.safetensors").write_bytes(content)
    for path in (tmp_path / "first").glob("stem-*"):
        path.unlink()
    fresh = do("refine", "fresh", session="first", **AT_ONCE, format=asked)
    assert [path.read_bytes() for path in fresh["files"]] == [path.read_bytes() for path in made["files"]]
    assert broadcast.time_reference(fresh["files"][0]) == MIDNIGHT


def test_a_correction_is_written_as_its_session_was(
    do: Do, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    do("separate", "first", clip=str(recording), preset="quick", format="24")
    assert subtypes(do("refine", "second", session="first", **AT_ONCE)) == {"PCM_24"}
    assert subtypes(do("undo", "third", session="second", format="flac")) == {"PCM_24"}
    assert subtypes(do("refine", "moved", session=str(tmp_path / "third"), **AT_ONCE, format="16")) == {"PCM_16"}
    monkeypatch.setenv("DAP_BRIDGE_FORMAT", "flac")
    assert do("refine", "fourth", session="first", **AT_ONCE)["format"] == "24"
    assert do("separate", "set", clip=str(recording), preset="quick")["format"] == "flac"


def test_clipped_stems_are_told_and_not_copied_from(
    do: Do, tmp_path: Path, three_chunks: str, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    clip = write_clip(20 * noise(1, 3 * RATE // 2), RATE)
    first = do("separate", "first", clip=str(clip), preset=three_chunks, format="24")
    told = [warning for warning in first["warnings"] if "beyond full scale" in warning]
    assert [warning.split()[0] for warning in told] == ["stem-1.wav", "stem-2.wav"]
    second = do("refine", "second", session="first", **AT_ONCE, carry=False)
    for path in first["files"]:
        path.unlink()
    third = do("refine", "third", session="first", **AT_ONCE, carry=False)
    assert any("beyond full scale" in warning for warning in second["warnings"])
    assert second["warnings"] == third["warnings"]
    assert not any("clipped" in w for w in do("separate", "float", clip=str(clip), preset="quick")["warnings"])


def test_effects_of_a_preset_are_written_in_the_format_once(
    do: Do, recording: Path, quick_presets: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stem that is louder than full scale before its effects, and not after them, loses nothing."""
    effects = '\n[[postprocess]]\nplugin = "Gain"\ngain_db = -40.0\n'
    text = (quick_presets / "quick.toml").read_text(encoding="utf-8") + effects
    (tmp_path / "quiet.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    loud = tmp_path / "loud.wav"
    audio, _ = soundfile.read(recording)
    soundfile.write(loud, 20 * audio, RATE, subtype="FLOAT")
    made = do("separate", "out", clip=str(loud), preset="quiet", format="flac")
    assert not any("clipped" in warning for warning in made["warnings"])
    total = sum(soundfile.read(path)[0] for path in made["files"])
    np.testing.assert_allclose(total, 0.2 * audio, atol=2e-6)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "stem-1.flac", "stem-2.flac"]


@pytest.mark.parametrize("verb", ["separate", "denoise", "texture", "coseparate"])
def test_more_channels_than_flac_holds_are_refused_before_the_work(
    do: Do, tmp_path: Path, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], verb: str
) -> None:
    clip = str(write_clip(noise(9, 2000), 8000))
    fields = {"item": [f"0:::{clip}"] * 2} if verb == "coseparate" else {"clip": clip}
    if verb == "texture":
        fields["length"] = 4000
    with pytest.raises(BadRequest, match="FLAC holds 8 channels, and the clip has 9"):
        do(verb, "out", **fields, format="flac")
    assert not (tmp_path / "out").exists()


def test_a_clip_of_several_files_takes_along_what_the_first_carries(do: Do, recording: Path, tmp_path: Path) -> None:
    audio = soundfile.read(recording, dtype="int16")[0].T
    other = broadcast.wav(tmp_path / "b.wav", audio[:1], [bext(time=7)], [])
    channels = [f"1:{recording}", f"0:{other}"]
    made = do("separate", "out", channel=channels, start=100, frames=9000, preset="quick", format="24")
    for path in made["files"]:
        assert broadcast.time_reference(path) == MIDNIGHT + 100
        assert len(broadcast.of(path)[b"fmt "]) == 16  # no mask of the first file's two channels


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("take: 1/2 - stem 1", "take_ 1_2 - stem 1"),
        ("..hidden?\n - speech", "hidden__ - speech"),
        ("Küche & Vogel - noise", "Küche & Vogel - noise"),
        (" . ", "_"),
    ],
)
def test_a_stems_name_becomes_one_that_every_system_takes(title: str, name: str) -> None:
    assert file_names([title], ".wav") == [f"{name}.wav"]


def test_files_of_stems_with_one_name_are_numbered_and_long_names_keep_their_end() -> None:
    assert file_names(["a", "A", "b", "a"], ".flac") == ["a.flac", "A (2).flac", "b.flac", "a (3).flac"]
    (long,) = file_names([f"{'ü' * 300} - stem 12"], ".wav")
    assert len(long.encode()) <= 210
    assert long.endswith("ü - stem 12.wav") and "…" in long
