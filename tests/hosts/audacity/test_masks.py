"""A spectral selection on a stem corrects its mask, in the real program: what is replaced, what is not, a way back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.audacity import stems
from dap_bridge.errors import UnknownSession
from dap_bridge.transport import control, protocol
from dap_bridge.transport.events import SessionEvent
from dap_bridge.verbs.adopt.request import Adopt
from tests.hosts.audacity.conftest import Left
from tests.hosts.audacity.host import FIRST, LAST, NAMES, RATE, SECONDS, Audacity
from tests.hosts.sound import NULL_DB, null_db, recording
from tests.processes import Process, until

pytestmark = pytest.mark.timeout(600)

DEACTIVATE, UNDO = "DAP Deactivate mask in selection", "DAP Undo last mask edit"
# On the first stem of the stereo track: seconds and hertz. Its feather stays outside.
TRACK, BOX, BAND, FEATHER_S = 2, (0.8, 1.2), (500.0, 6000.0), 0.03
PLACE = ("name", "start", "end", "channels", "mute")
Said = Callable[[], str]


@pytest.fixture(scope="module")
def said(
    audacity: Audacity, separated: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Said, Path]]:
    """`dap-bridge audacity` runs: what it says next, and the file that its browser writes addresses into."""
    visited = tmp_path_factory.mktemp("browser") / "visited"
    browser = visited.with_name("browser")
    browser.write_text(f'#!/bin/sh\necho "$1" >> {visited}\n')
    browser.chmod(0o755)
    with audacity.followed(f"{browser} %s") as line:
        yield line, visited


def heard(audacity: Audacity, first: int = TRACK, count: int = 1, channels: int = 2) -> np.ndarray:
    """What tracks hold of the selection that was separated, (frames, channels); if none are named, the first stem."""
    return audacity.export(first, count, SECONDS, channels)[FIRST:LAST]


def run(audacity: Audacity, said: tuple[Said, Path], plugin: str, **parameters: Any) -> str:
    """A plug-in on the box, until its stems are there; what is said of them."""
    audacity.select(TRACK, 1, *BOX)
    audacity.run(plugin, **parameters)
    with audacity.pipe_free():
        return said[0]()


def level_db(audio: np.ndarray) -> float:
    """What the box holds, in dB of full scale."""
    first, last = (round(edge * RATE) - FIRST for edge in (BOX[0] + FEATHER_S, BOX[1] - FEATHER_S))
    spectrum = np.fft.rfft(audio[first:last] * np.blackman(last - first)[:, None], axis=0)
    hertz = np.fft.rfftfreq(last - first, 1 / RATE)
    inside = spectrum[(hertz > BAND[0] * 1.1) & (hertz < BAND[1] / 1.1)]
    return float(20 * np.log10(np.sqrt(np.sum(np.abs(inside) ** 2)) / len(audio) + 1e-12))


def separation_of(daemon: Process, name: str) -> SessionEvent:
    return next(one for one in daemon.client.sessions() if one.label == name and not one.boxes)


def test_nobody_brings_refined_stems(audacity: Audacity, separated: dict[str, Any], left: Left) -> None:
    audacity.select(TRACK, 1, *BOX)
    audacity.close_box(lambda: audacity.run(UNDO), UNDO, "audacity-nobody-brings")
    assert not left()


def test_a_box_leaves_a_stem_for_the_other_and_comes_back(
    audacity: Audacity, project: dict[str, np.ndarray], said: tuple[Said, Path], daemon: Process
) -> None:
    blind = heard(audacity)
    audacity.select(TRACK, 1, *BOX)
    audacity.pipe.command("SetTrackVisuals", Display="Spectrogram")
    audacity.pipe.command("SetTrackStatus", Name="renamed")
    audacity.pipe.command("SelectFrequencies", Low=BAND[0], High=BAND[1])
    tracks = audacity.tracks()

    line = run(audacity, said, DEACTIVATE, strength=1, carry="No")
    assert line == f"renamed: renamed, {NAMES[0]} - stem 2\n"
    sessions = [one for one in daemon.client.sessions() if one.boxes and one.label == NAMES[0]]
    manifests = [Path(session.manifest) for session in sessions]
    assert [json.loads(path.read_text(encoding="utf-8"))["carry"] for path in manifests] == [False]
    audacity.pipe.command("FitV")
    audacity.display.picture("audacity-mask")
    refined = heard(audacity)
    assert level_db(refined) <= level_db(blind) - 60
    assert null_db(heard(audacity, TRACK, 2), project[NAMES[0]][FIRST:LAST]) <= NULL_DB
    assert null_db(heard(audacity, TRACK + 2, 2, 1), project[NAMES[1]][FIRST:LAST]) <= NULL_DB
    assert [[track[key] for key in PLACE] for track in audacity.tracks()] == [
        [track[key] for key in PLACE] for track in tracks
    ]

    audacity.pipe.command("Undo")  # one step of Audacity's own, to stems at their place
    assert np.array_equal(heard(audacity), blind)
    audacity.pipe.command("Redo")
    run(audacity, said, UNDO)
    assert np.array_equal(heard(audacity), blind)
    audacity.pipe.command("Undo")
    assert np.array_equal(heard(audacity), refined)


def test_what_the_mask_editor_sends_is_placed(audacity: Audacity, said: tuple[Said, Path], daemon: Process) -> None:
    line, visited = said
    separation = separation_of(daemon, NAMES[0])
    before = heard(audacity)
    audacity.select(TRACK, 1, *BOX)
    audacity.run("DAP Open mask editor")
    opened = until(lambda: visited.exists() and visited.read_text()).strip().removeprefix(daemon.editor)
    assert opened != separation.session  # but what was made of it, and stands there
    daemon.client.send(control.Import(job=opened, session=separation.session))
    with audacity.pipe_free():
        assert line()
    stem, _ = soundfile.read(Path(separation.manifest).with_name("stem-1.wav"))
    assert np.array_equal(heard(audacity), stem)
    assert not np.array_equal(before, stem)
    audacity.pipe.command("SetTrackStatus", Name=f"{NAMES[0]} - stem 1")


def test_adopted_stems_that_were_imported_by_hand_are_corrected_in_their_place(
    audacity: Audacity, said: tuple[Said, Path], daemon: Process, tmp_path: Path
) -> None:
    clip, given = (tmp_path / name for name in ("clip.wav", "given.wav"))
    audio = recording(RATE, 2, SECONDS)
    for path, sound in {clip: audio, given: 0.6 * audio}.items():
        soundfile.write(path, sound, RATE, subtype="FLOAT")
    daemon.client.run(Adopt(job="own", clip=str(clip), stem=(f"0:::{given}",), preset="quick-adopt"), lambda _: None)
    first = len(audacity.tracks())
    for name in ("stem-1", "stem-2"):
        audacity.pipe.command("Import2", Filename=str(daemon.data / f"jobs/own/result/{name}.wav"))
    audacity.select(first, 1, *BOX)
    audacity.run(DEACTIVATE, strength=1, carry="No")
    with audacity.pipe_free():
        assert said[0]() == "stem-1: stem-1, stem-2\n"
    left = audacity.export(first, 1, SECONDS, 2)
    inside = slice(*(round(edge * RATE) for edge in (BOX[0] + FEATHER_S, BOX[1] - FEATHER_S)))
    assert np.abs(left[inside]).max() <= 1e-3
    assert null_db(audacity.export(first, 2, SECONDS, 2), audio) <= NULL_DB
    audacity.select(first, 2, 0.0, SECONDS)
    audacity.pipe.command("RemoveTracks")


def test_no_stem_is_meant(audacity: Audacity, said: tuple[Said, Path], daemon: Process, left: Left) -> None:
    for first, count, picture in ((0, 1, "audacity-no-stem"), (TRACK, 2, "audacity-several-stems")):
        audacity.select(first, count, *BOX)
        audacity.close_box(lambda: audacity.run(DEACTIVATE, strength=1), DEACTIVATE, picture)
    assert list(left()) == list((daemon.spool / "inbox").glob("*.json")) == []


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "moved": (
        {"start": 10.5, "end": 10.7, "clips": f"0 2 10 {10 + (LAST - FIRST) / RATE:.6f}"},
        "No box has corrected",
    ),
    "changed": ({"scale": 0.5}, "no stem"),
    "trimmed": ({"clips": f"{FIRST / RATE:.6f} 1.2"}, "no stem"),
    "two clips": ({"clips": "0.4 0.6 0.6 1.7"}, "several clips"),
    "beside": ({"clips": "5 6"}, "no sound"),
    "too high": ({"op": "deactivate", "low": 30000}, "frequencies"),
    "too early": ({"op": "deactivate", "waiting": True}, "on its way"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_selection_that_cannot_be_a_box(daemon: Process, said: tuple[Said, Path], case: str) -> None:
    about, reason = REFUSALS[case]
    separation = separation_of(daemon, NAMES[1])
    audio, _ = soundfile.read(Path(separation.manifest).with_name("stem-1.wav"), dtype="float32")
    fields = {"op": "undo", "track": "x", "rate": RATE, "start": FIRST / RATE + 0.1, "end": FIRST / RATE + 0.3}
    fields |= {"clips": f"{FIRST / RATE:.6f} {LAST / RATE:.6f}", "job": case.replace(" ", "-")} | about
    clips, offset = daemon.spool / "clips", 0.5 if case == "moved" else 0.1
    piece = audio[round(offset * RATE) :][: round(0.2 * RATE)] * fields.pop("scale", 1)
    waiting = clips / "waiting.edit"
    if fields.pop("waiting", False):
        about = {"job": "waiting", "session": separation.session, "stem": 1, "position": 0, "track": "x"}
        waiting.write_text(protocol.lines(about | {"start": 0, "end": 1}))
    soundfile.write(clips / f"{fields['job']}.wav", piece, RATE, subtype="FLOAT")
    (clips / f"{fields['job']}.mark").write_text(protocol.lines(fields))
    answer = until(lambda: daemon.status_file(fields["job"]))
    waiting.unlink(missing_ok=True)
    assert reason in answer["message"]
    assert answer["hint"]
    assert not (clips / f"{fields['job']}.edit").exists()


def test_silence_is_no_ones(tmp_path: Path) -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, (2, 1000, 1)).astype(np.float32)
    audio[:, 500:] = 0
    for number, stem in enumerate(audio, 1):
        soundfile.write(tmp_path / f"{number}.wav", stem, RATE, subtype="FLOAT")
    paths = tuple((number, tmp_path / f"{number}.wav") for number in (1, 2))
    first = stems.Result("first", None, tmp_path, tmp_path, RATE, 1000, 0, paths)
    known = [dataclasses.replace(first, session="second", parent="first"), first]
    told = stems.tell(audio[1, 200:700], 200, known)
    assert told is not None
    assert (told.result.session, told.index) == ("second", 2)
    assert stems.tell(audio[1, 200:700], 201, known) is None
    with pytest.raises(UnknownSession, match="silent"):
        stems.tell(audio[1, 600:700], 600, known)
