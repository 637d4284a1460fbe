"""What a person knows of a clip, and the answers that it may have: what is sent, and what becomes takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from dap_bridge.domain import Alternative, Stem
from dap_bridge.transport.events import Accepted, Done, Queued
from tests.conftest import Start
from tests.hosts.impostor import Impostor
from tests.hosts.reaper.conftest import RATE
from tests.hosts.reaper.host import Host
from tests.hosts.reaper.test_separate import SEPARATE, add_item
from tests.manifests import manifest, write
from tests.processes import Process

Reaper = Callable[..., Host]
Sound = Callable[..., np.ndarray]
Write = Callable[..., Path]

LIKE = "DAP_Separate like selected examples"
ALONE = "DAP_Separate - this sound alone in time selection"
NOISE = "DAP_Learn noise from time selection"
FURTHER = "DAP_Separate this stem further"
REDRAW = "DAP_Redraw chosen alternative"
DEACTIVATE = "DAP_Deactivate mask in spectral edits"
WHATS = {1: "as all agree", 2: "the faint sound apart", 3: "by timbre alone"}
LABELS = {1: "take one", 2: f"take one, {WHATS[2]}", 3: f"take one, {WHATS[3]}"}


class Requests:
    """What a stand-in for the daemon was asked, in order; it answers with `result` where that is a manifest."""

    def __init__(self, impostor: Impostor) -> None:
        self._inbox, self.result = impostor.spool / "inbox", Path()
        impostor.answer_files(self._answers)

    def _answers(self, job: str) -> list[Any]:
        said: list[Any] = [Accepted(job=job, verb="separate")]
        return [*said, Done(job=job, manifest=str(self.result))] if self.result.name else said

    def __call__(self) -> list[dict[str, Any]]:
        paths = sorted(self._inbox.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


@pytest.fixture
def asked(impostor: Impostor) -> Requests:
    for path in (impostor.spool / "inbox").iterdir():
        path.unlink()
    return Requests(impostor)


@pytest.fixture
def several_answers(tmp_path: Path, sound: Sound) -> Callable[..., Path]:
    """several_answers(session, **more) -> the manifest of a separation into two stems, with three answers."""

    def stems(folder: Path, under: str, label: str) -> tuple[Stem, ...]:
        (folder / under).mkdir(parents=True, exist_ok=True)
        for number in (1, 2):
            soundfile.write(folder / under / f"stem-{number}.wav", sound()[0] / number, RATE, subtype="FLOAT")
        paths = {number: (Path(under) / f"stem-{number}.wav").as_posix() for number in (1, 2)}
        return tuple(Stem(number, f"{label} - stem {number}", "source", paths[number]) for number in (1, 2))

    def make(session: str, **more: Any) -> Path:
        folder = tmp_path / session
        answers = {1: stems(folder, "", LABELS[1])}
        answers |= {number: stems(folder, f"alternative-{number}", LABELS[number]) for number in (2, 3)}
        listed = tuple(Alternative(n, WHATS[n], 0.5, own) for n, own in answers.items())
        first = {stem.path: stem.name for stem in answers[1]}
        return write(folder, manifest(session, RATE, RATE, first, **{"alternatives": listed} | more))

    return make


def placed(host: Host, asked: Requests, made: Path, write_clip: Write, sound: Sound) -> None:
    """An item's stems in place; the first one's item is `stem`, and alone selected."""
    asked.result = made
    add_item(host, write_clip(sound(), RATE))
    host.run(SEPARATE)
    host.until()
    host.lua("item.selected = false; stem = project.tracks[3].items[1]; stem.selected = true; project.undo = {}")


def test_further_items_are_examples(
    daemon: Process, reaper: Reaper, asked: Requests, write_clip: Write, sound: Sound, several_answers: Any
) -> None:
    """The second example is stretched, so that it is read through REAPER. None of the two is muted, or gets stems."""
    host = reaper(daemon)
    asked.result = several_answers("made")
    clip, fan = write_clip(sound(), RATE, "clip.wav"), write_clip(sound(), RATE, "fan: 1.wav")
    add_item(host, clip, take="{D_STARTOFFS = 0.25}", length=0.5)
    add_item(host, fan, name="fan", take="{D_STARTOFFS = 0.125}", length=0.25)
    add_item(host, fan, name="crow", take="{D_PLAYRATE = 2}", length=0.5)
    before = host.tracks()
    host.run(LIKE)
    host.until()
    (request,) = asked()
    assert (request["verb"], request["clip"], request["label"]) == ("separate", str(clip), "take one")
    assert (request["start"], request["frames"], request["rate"]) == (RATE // 4, RATE // 2, RATE)
    first, second = request["like"]
    assert first == f"1:{RATE // 8}:{RATE // 4}:{RATE}:{fan}"
    assert second.startswith(f"2:0:{RATE // 2}:{RATE}:{daemon.spool}")
    assert (request["sources"], "alternatives" in request) == (2, False)
    tracks = host.tracks()
    names = [track["text"]["P_NAME"] for track in tracks]
    assert names[:5] == ["Source", "take one - stems", "take one - stem 1", "take one - stem 2", "Source"]
    assert [track["items"][0]["info"]["B_MUTE"] for track in tracks if track["text"]["P_NAME"] == "Source"] == [1, 0, 0]
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


@pytest.mark.parametrize(("examples", "sources"), [(1, 2), (3, 3)])
def test_there_are_as_many_sounds_as_examples(
    examples: int, sources: int, daemon: Process, reaper: Reaper, asked: Requests, write_clip: Write, sound: Sound
) -> None:
    host = reaper(daemon)
    for _ in range(examples + 1):
        add_item(host, write_clip(sound(), RATE))
    host.run(LIKE)
    host.until(asked)
    (request,) = asked()
    assert [text.split(":")[0] for text in request["like"]] == [str(number + 1) for number in range(examples)]
    assert request["sources"] == sources


def test_what_waits_says_where_it_stands(
    daemon: Process, reaper: Reaper, asked: Requests, impostor: Impostor, write_clip: Write, sound: Sound
) -> None:
    host = reaper(daemon)
    add_item(host, write_clip(sound(), RATE))
    host.run(SEPARATE)
    host.until(asked)
    (request,) = asked()
    host.until((impostor.spool / "outbox" / f"{request['job']}.status").exists)
    waits = Queued(job=request["job"], place=1, behind="take", behind_verb="refine", seconds=39.5)
    impostor.tell(waits.job, waits)
    host.until(lambda: "waiting for another job, about 40 s" in host.shown)
    impostor.tell(waits.job, waits.model_copy(update={"place": 2, "seconds": -1.0}))
    host.until(lambda: "waiting, number 2 in line" in host.shown)


@pytest.mark.parametrize(("items", "said"), [(1, "The first item is the clip"), (10, "8 examples at the most")])
def test_too_few_and_too_many_examples(
    items: int, said: str, daemon: Process, reaper: Reaper, write_clip: Write, sound: Sound
) -> None:
    host = reaper(daemon)
    for _ in range(items):
        add_item(host, write_clip(sound(), RATE))
    host.run(LIKE)
    assert said in host.messages[-1]
    assert host.state["running"] == 0


@pytest.mark.parametrize(("action", "verb", "stem"), [(ALONE, "separate", "1"), (NOISE, "denoise", "noise")])
def test_a_time_selection_is_a_span_of_each_item(
    action: str, verb: str, stem: str, daemon: Process, reaper: Reaper, asked: Requests, write_clip: Write, sound: Sound
) -> None:
    """Of an item that starts in its file between two frames, and of one that is stretched; a third is not touched."""
    host = reaper(daemon)
    host.run(action)
    assert "Select one or more audio items" in host.messages[-1]
    for position, take in ((2, "{D_STARTOFFS = 0.25001}"), (2.25, "{D_PLAYRATE = 2}"), (9, "{}")):
        add_item(host, write_clip(sound(), RATE), position=position, length=0.5, take=take)
    host.run(action)
    assert "time selection" in host.messages[-1]
    host.lua("project.range = {1, 2.375}")
    host.run(action)
    host.until(lambda: len(asked()) == 2)
    assert [request["verb"] for request in asked()] == [verb, verb]
    late = (0.25 + 1e-5) % (1 / RATE)
    spans = [dict(part.split("=") for part in request["only"][0].split(",")) for request in asked()]
    assert [(span["stem"], float(span["start"]), float(span["end"])) for span in spans] == [
        (stem, pytest.approx(late, abs=1e-6), pytest.approx(0.375 + late, abs=1e-6)),
        (stem, 0, pytest.approx(0.125)),
    ]


def test_other_answers_are_takes(
    daemon: Process, reaper: Reaper, asked: Requests, write_clip: Write, sound: Sound, several_answers: Any
) -> None:
    host = reaper(daemon)
    made = several_answers("made")
    asked.result = made
    add_item(host, write_clip(sound(), RATE), take="{D_VOL = 0.5}")
    before = host.tracks()
    host.run(SEPARATE)
    host.until()
    assert host.messages == []
    for number, track in enumerate(host.tracks()[2:], 1):
        (item,) = track["items"]
        assert track["text"]["P_NAME"] == f"take one - stem {number}"
        assert [take["name"] for take in item["takes"]] == [f"{LABELS[n]} - stem {number}" for n in (1, 2, 3)]
        files = [made.parent / folder / f"stem-{number}.wav" for folder in ("", "alternative-2", "alternative-3")]
        assert [Path(take["file"]) for take in item["takes"]] == files
        assert {take["info"]["D_VOL"] for take in item["takes"]} == {0.5}
        assert {take["peaks"] for take in item["takes"]} == {"built"}
        assert item["active"] == 1
    assert host.lua("return #project.undo") == 1
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def test_the_answer_that_is_heard_is_redrawn(
    daemon: Process, reaper: Reaper, asked: Requests, write_clip: Write, sound: Sound, several_answers: Any
) -> None:
    host = reaper(daemon)
    made = several_answers("made")
    placed(host, asked, made, write_clip, sound)
    host.run(REDRAW)
    assert "drawn in full already" in host.messages[-1]
    host.lua("stem.active = 3; stem.takes[3].info.D_VOL = 0.25; project.tracks[4].items[1].selected = true")
    host.run(DEACTIVATE)
    assert "no spectral edits" in host.messages[-1], "the other stem can be corrected"
    host.lua("project.tracks[4].items[1].active = 3")
    host.run(DEACTIVATE)
    assert "Redraw chosen alternative" in host.messages[-1]
    before = host.tracks()

    asked.result = several_answers("drawn", parent="made", verb="choose", alternative=3, alternatives=())
    host.run(REDRAW)
    host.until()
    (request,) = asked()[1:]
    assert (request["verb"], request["session"], request["alternative"]) == ("choose", str(made), 3)
    for number, (now, then) in enumerate(zip(host.tracks()[2:], before[2:], strict=True), 1):
        (item,), (old,) = now["items"], then["items"]
        assert item["takes"][:3] == old["takes"], "the takes before stay as they are"
        assert (len(item["takes"]), item["active"]) == (4, 4)
        assert Path(item["takes"][3]["file"]) == asked.result.with_name(f"stem-{number}.wav")
    assert host.lua("return #project.undo") == 1
    host.run("DAP_Undo last mask edit")
    assert "No box has corrected" in host.messages[-1]
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before


def test_a_sound_alone_corrects_stems_that_are_there(
    daemon: Process, reaper: Reaper, asked: Requests, write_clip: Write, sound: Sound, several_answers: Any
) -> None:
    """The second stem's item stands at 1.25 s, starts 0.1 s into its file and plays at half speed."""
    host = reaper(daemon)
    made = several_answers("made")
    placed(host, asked, made, write_clip, sound)
    host.lua(
        "stem.selected = false; local item = project.tracks[4].items[1]; item.selected = true\n"
        "item.takes[1].info.D_STARTOFFS = 0.1; item.takes[1].info.D_PLAYRATE = 0.5"
    )
    host.run(ALONE)
    assert "time selection" in host.messages[-1]
    host.lua("project.range = {1.45, 99}")
    asked.result = several_answers("refined", parent="made", verb="refine", alternatives=())
    host.run(ALONE)
    host.until()
    (request,) = asked()[1:]
    assert (request["verb"], request["session"], request["carry"]) == ("refine", str(made), True)
    assert request["only"] == ["stem=2,start=0.2,end=0.6"]
    assert [track["items"][0]["active"] for track in host.tracks()[2:]] == [4, 4]


def test_a_stem_is_separated_further(
    daemon: Process, reaper: Reaper, asked: Requests, write_clip: Write, sound: Sound, several_answers: Any
) -> None:
    host = reaper(daemon)
    placed(host, asked, several_answers("made"), write_clip, sound)
    host.lua("item.selected = true; stem.active = 2; stem.takes[2].name = 'voices'")
    before = host.tracks()
    asked.result = several_answers("further", alternatives=())
    host.run(FURTHER)
    host.until()
    (request,) = asked()[1:]
    assert (request["label"], Path(request["clip"]).parent.name) == ("voices", "alternative-2")
    names = [track["text"]["P_NAME"] for track in host.tracks()]
    assert names[2:5] == ["take one - stem 1", "voices - stems", "take one - stem 1"]
    assert [track["info"]["I_FOLDERDEPTH"] for track in host.tracks()] == [0, 1, 0, 1, 0, -1, -1]
    host.lua("sim.model.undo(project)")
    assert host.tracks() == before
    host.lua(
        "for n, track in ipairs(project.tracks) do if track.items[1] then track.items[1].selected = n == 1 end end"
    )
    host.run(FURTHER)
    assert "Select one or more stems" in host.messages[-1]


def test_with_the_daemon_itself(
    start: Start, quick_presets: Path, reaper: Reaper, write_clip: Write, sound: Sound, tmp_path: Path
) -> None:
    """Examples and several answers, another one of which is drawn, and corrected; then the sound of a stretch alone."""
    settings = {"DAP_BRIDGE_PRESETS_DIR": str(quick_presets), "DAP_BRIDGE_ALTERNATIVES": "3"}
    daemon = start("home", "-m", "dap_bridge", "serve", **settings)
    host = reaper(daemon)
    clip = sound(seconds=2)
    for number, audio in enumerate((clip, clip[:, :RATE] * 0.5, clip[:, RATE : RATE * 3 // 2])):
        add_item(host, write_clip(audio, RATE, f"{number}.wav"), name=f"item {number}", position=2)
    host.run(LIKE)
    host.until()
    first = manifest_of(host)
    assert [entry["stem"] for entry in first["guidance"]] == [1, 2]
    assert len(first["alternatives"]) > 1
    host.lua(
        "for n, track in ipairs(project.tracks) do for _, one in ipairs(track.items) do\n"
        "  one.selected = n == 3\n  if #one.takes > 1 then one.active = 2 end\nend end"
    )
    host.run(REDRAW)
    host.until()
    drawn = manifest_of(host)
    assert (drawn["verb"], drawn["parent"], drawn["alternative"]) == ("choose", first["session"], 2)
    host.lua("project.range = {2.5, 3}")
    host.run(ALONE)
    host.until()
    corrected = manifest_of(host)
    assert (corrected["verb"], corrected["parent"], corrected["alternative"]) == ("refine", drawn["session"], 2)
    played = sum(soundfile.read(item["takes"][item["active"] - 1]["file"])[0] for item in heard(host))
    assert np.abs(played - clip[0]).max() < 1e-4
    host.run("DAP_Undo last mask edit")
    host.until()
    assert manifest_of(host)["session"] == drawn["session"]
    assert [track["items"][0]["info"]["B_MUTE"] for track in host.tracks() if track["text"]["P_NAME"] == "Source"] == [
        1,
        0,
        0,
    ]


def heard(host: Host) -> list[dict[str, Any]]:
    """The items of the stems."""
    return [track["items"][0] for track in host.tracks()[2:4]]


def manifest_of(host: Host) -> dict[str, Any]:
    """That of the take that is heard of the first stem."""
    # examples of sounds that are made up may be doubted, and that is told
    assert [message for message in host.messages if "ompare" not in message] == []
    item = heard(host)[0]
    path = Path(item["takes"][item["active"] - 1]["file"]).with_name("manifest.json")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("action", [ALONE, NOISE])
def test_spans_with_the_daemon_itself(
    action: str, daemon: Process, reaper: Reaper, write_clip: Write, sound: Sound
) -> None:
    host = reaper(daemon)
    add_item(host, write_clip(sound(seconds=2), RATE), position=2)
    host.lua("project.range = {1, 2.5}")
    host.run(action)
    host.until()
    assert manifest_of(host)["verb"] == ("separate" if action == ALONE else "denoise")
    assert len(host.tracks()) == 4
