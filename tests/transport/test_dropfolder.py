"""The drop folder on a real disk: every file is answered or set aside with a reason, in whatever way it came."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dap_bridge.errors import JobConflict, StoreUnavailable
from dap_bridge.transport import control, dropfolder, events
from dap_bridge.transport.door import Sink
from dap_bridge.transport.dropfolder import DropFolder
from dap_bridge.verbs.request import JobVerb, Verb
from dap_bridge.verbs.separate.request import Separate

SETTLE_S = 0.3
SEPARATE = {"verb": "separate", "clip": "/a.wav"}


class Rig:
    """A drop folder whose handler accepts every job but `taken`, and answers every status in three parts."""

    def __init__(self, spool: Path, rescan_s: float = 30.0) -> None:
        self.seen: list[Verb] = []
        self.sinks: list[Sink] = []
        self.refusals = 0
        self.door = DropFolder(spool, self._handle, self._knows, settle_s=SETTLE_S, rescan_s=rescan_s)
        self.door.prepare()

    def drop(self, name: str, content: object) -> None:
        """As a careful host does it: written under another name, then renamed."""
        path = self.door.inbox / f"{name}.tmp"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        path.rename(self.door.inbox / name)

    async def settled(self) -> None:
        """Until the inbox is empty."""
        while any(path.suffix != ".tmp" for path in self.door.inbox.iterdir()):
            await asyncio.sleep(0.01)

    def answer(self, name: str) -> list[dict[str, str]]:
        text = (self.door.outbox / f"{name}.status").read_text(encoding="utf-8")
        return [pairs(block) for block in text.split("\n\n")]

    def reason(self, name: str) -> dict[str, str]:
        assert os.path.lexists(self.door.rejected / name)
        return pairs((self.door.rejected / f"{name}.reason").read_text(encoding="utf-8"))

    def _knows(self, job: str) -> bool:
        return job == "taken"

    def _handle(self, verb: Verb, sink: Sink | None) -> None:
        if self.refusals and isinstance(verb, JobVerb):
            self.refusals -= 1
            raise StoreUnavailable("The disk is full.")
        self.seen.append(verb)
        match verb:
            case Separate(job=str(job)):
                if job == "taken":
                    raise JobConflict("That name is taken.")
                self.door.write(job, events.Accepted(job=job, verb=verb.name))
            case control.Status():
                assert sink is not None
                for job in ("a", "b", ""):
                    sink.send(events.StatusEvent(job=job))
                self.sinks.append(sink)


def pairs(block: str) -> dict[str, str]:
    return dict(line.split("\t") for line in block.strip().splitlines())


def play(
    tmp_path: Path,
    scene: Callable[[Rig], Awaitable[None]],
    rescan_s: float = 30.0,
    before: Callable[[Rig], None] = lambda _: None,
    refusals: int = 0,
) -> None:
    async def main() -> None:
        rig = Rig(tmp_path / "spool", rescan_s)
        rig.refusals = refusals
        before(rig)
        rig.door.start()
        try:
            await asyncio.wait_for(scene(rig), 60)
        finally:
            await rig.door.stop()

    asyncio.run(main())


def test_a_request_is_answered_under_its_own_name_and_removed(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.drop("my request é.json", SEPARATE)
        await rig.settled()
        (verb,) = rig.seen
        assert isinstance(verb, Separate) and verb.job == "my-request-"
        assert rig.answer("my-request-") == [{"event": "accepted", "job": "my-request-", "verb": "separate"}]
        assert list(rig.door.rejected.iterdir()) == []

    play(tmp_path, scene)


def test_a_job_that_is_named_is_answered_by_that_name(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.drop("x.json", SEPARATE | {"job": "mine"})
        await rig.settled()
        assert rig.answer("mine")[0]["event"] == "accepted"

    play(tmp_path, scene)


def test_requests_that_lie_there_at_the_start_are_taken_the_oldest_first(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool")
    for age, name in enumerate("bca"):
        rig.drop(f"{name}.json", SEPARATE)
        os.utime(rig.door.inbox / f"{name}.json", (1000 + age, 1000 + age))

    async def scene(rig: Rig) -> None:
        await rig.settled()
        assert [verb.job for verb in rig.seen if isinstance(verb, Separate)] == ["b", "c", "a"]

    play(tmp_path, scene)


def test_a_request_is_found_when_the_system_reports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropfolder, "CHANGES", frozenset())

    async def scene(rig: Rig) -> None:
        await asyncio.sleep(0.1)
        rig.drop("a.json", SEPARATE)
        await rig.settled()
        assert len(rig.seen) == 1

    play(tmp_path, scene, rescan_s=0.2)


def test_a_file_written_slowly_in_place_is_read_once_and_whole(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        text = json.dumps(SEPARATE | {"label": "é" * 20}, ensure_ascii=False).encode()
        with (rig.door.inbox / "slow.json").open("wb", buffering=0) as file:
            for byte in range(0, len(text), 8):
                file.write(text[byte : byte + 8])
                await asyncio.sleep(SETTLE_S / 5)
        await rig.settled()
        (verb,) = rig.seen
        assert isinstance(verb, Separate) and verb.label == "é" * 20
        assert list(rig.door.rejected.iterdir()) == []

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "JSON"),
        (b'{"verb": "separate"', "JSON"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[" * 100_000, "JSON"),
        (b"1" * 5000, "JSON"),
        (b"[]", "object"),
        (b"{}", "verb"),
        (b'{"verb": "fly"}', "fly"),
        (b'{"verb": "separate", "clip": "/a.wav", "sources": 99}', "sources"),
        (b'{"verb": "separate", "clip": "\\ud800"}', "clip"),
        (b" " * (dropfolder.MAX_BYTES + 1), "larger"),
    ],
    ids=["empty", "cut", "encoding", "deep", "number", "list", "nothing", "verb", "value", "surrogate", "large"],
)
def test_what_cannot_be_used_is_set_aside_with_the_reason(tmp_path: Path, content: bytes, word: str) -> None:
    async def scene(rig: Rig) -> None:
        (rig.door.inbox / "bad.json").write_bytes(content)
        await rig.settled()
        reason = rig.reason("bad.json")
        assert (reason["event"], reason["code"]) == ("failed", "bad_request")
        assert word in reason["message"]
        assert (rig.door.rejected / "bad.json").read_bytes() == content
        assert rig.answer("bad") == [reason]

    play(tmp_path, scene)


def test_folders_links_and_pipes_are_set_aside_untouched(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.write_text(json.dumps(SEPARATE))

    async def scene(rig: Rig) -> None:
        (rig.door.inbox / "folder.json").mkdir()
        (rig.door.inbox / "folder.json" / "content").write_text("stays")
        (rig.door.inbox / "link.json").symlink_to(private)
        names = ["folder.json", "link.json"]
        if hasattr(os, "mkfifo"):
            os.mkfifo(rig.door.inbox / "pipe.json")
            names.append("pipe.json")
        await rig.settled()
        for name in names:
            assert "regular file" in rig.reason(name)["message"]
        assert rig.seen == []
        assert private.exists()
        assert (rig.door.rejected / "folder.json" / "content").exists()

    play(tmp_path, scene)


def test_what_was_set_aside_is_never_written_over(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        for content in ("[1]", "[2]"):
            rig.drop("bad.json", content)
            await rig.settled()
        assert (rig.door.rejected / "bad.json").read_text() == "[1]"
        assert (rig.door.rejected / "bad-1.json").read_text() == "[2]"
        assert rig.reason("bad-1.json")["code"] == "bad_request"

    play(tmp_path, scene)


def test_a_refused_request_does_not_hide_the_answer_of_the_job_whose_name_it_took(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.door.write("taken", events.Done(job="taken", manifest="/m.json"))
        rig.drop("taken.json", SEPARATE)
        await rig.settled()
        assert rig.reason("taken.json")["code"] == "job_conflict"
        assert rig.answer("taken")[0]["event"] == "done"

    play(tmp_path, scene)


def test_what_a_status_says_at_once_stands_in_one_file_and_later_events_replace_it(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.drop("ask.json", {"verb": "status"})
        await rig.settled()
        assert [event["job"] for event in rig.answer("ask")] == ["a", "b", ""]
        rig.sinks[0].send(events.CancelledEvent(job="a"))
        assert rig.answer("ask") == [{"event": "cancelled", "job": "a"}]

    play(tmp_path, scene)


def test_unfinished_and_hidden_names_are_left_alone(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        for name in ("a.json.tmp", ".b.json", "c.txt"):
            (rig.door.inbox / name).write_text(json.dumps(SEPARATE))
        rig.drop("d.json", SEPARATE)
        while len(rig.seen) < 1:
            await asyncio.sleep(0.01)
        await asyncio.sleep(SETTLE_S)
        assert len(rig.seen) == 1
        assert sorted(p.name for p in rig.door.inbox.iterdir()) == [".b.json", "a.json.tmp", "c.txt"]

    play(tmp_path, scene)


def test_an_inbox_that_was_removed_comes_back(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        await asyncio.sleep(0.1)
        rig.door.inbox.rmdir()
        while not rig.door.inbox.exists():
            await asyncio.sleep(0.01)
        rig.drop("a.json", SEPARATE)
        await rig.settled()
        assert len(rig.seen) == 1

    play(tmp_path, scene, rescan_s=0.2)


def test_the_inbox_that_came_in_anothers_place_is_watched(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        await asyncio.sleep(0.1)
        rig.door.inbox.rename(tmp_path / "taken")
        rig.door.mend()
        await asyncio.sleep(0.1)  # for the look that follows
        rig.drop("a.json", SEPARATE)
        await rig.settled()
        assert len(rig.seen) == 1

    play(tmp_path, scene, rescan_s=3600)


def test_answers_are_written_again_where_their_folder_was_taken_away_but_no_choice_is(tmp_path: Path) -> None:
    async def scene(rig: Rig) -> None:
        rig.door.write("a", events.Accepted(job="a", verb="separate"))
        rig.door.write_choice(events.Chosen(job="a", session="a", manifest="/m.json"))
        rig.door.outbox.rename(tmp_path / "taken")
        rig.door.write("b", events.CancelledEvent(job="b"))
        rig.door.mend()
        assert sorted(path.name for path in rig.door.outbox.iterdir()) == ["a.status", "b.status"]
        rig.door.forget("a")
        rig.door.outbox.rename(tmp_path / "taken again")
        rig.door.mend()
        assert [path.name for path in rig.door.outbox.iterdir()] == ["b.status"]

    play(tmp_path, scene, rescan_s=3600)


def test_jobs_wait_in_the_inbox_in_their_order_while_they_cannot_be_stored(tmp_path: Path) -> None:
    def drop(rig: Rig) -> None:
        for age, (name, request) in enumerate({"b": SEPARATE, "a": SEPARATE, "ask": {"verb": "status"}}.items()):
            rig.drop(f"{name}.json", request)
            os.utime(rig.door.inbox / f"{name}.json", (1000 + age, 1000 + age))

    async def scene(rig: Rig) -> None:
        await rig.settled()
        assert [getattr(verb, "job", None) for verb in rig.seen] == [None, "b", "a"], "what asks alone does not wait"
        assert list(rig.door.rejected.iterdir()) == []

    play(tmp_path, scene, before=drop, refusals=1)


def test_the_outbox_is_cleared_of_stale_answers_but_not_of_jobs(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool")
    for name in ("taken", "stale", "fresh"):
        rig.door.write(name, events.CancelledEvent(job=name))
        if name != "fresh":
            long_ago = time.time() - 2 * dropfolder.STALE_ANSWER_S
            os.utime(rig.door.outbox / f"{name}.status", (long_ago, long_ago))
    (rig.door.outbox / ".half-written.tmp").touch()
    rig.door.prepare()
    assert sorted(path.name for path in rig.door.outbox.iterdir()) == ["fresh.status", "taken.status"]


def test_what_was_set_aside_long_ago_is_removed(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool")
    rig.door.prepare()
    long_ago = time.time() - 2 * dropfolder.STALE_REJECTED_S
    for name in ("old.json", "old.json.reason", "new.json"):
        path = rig.door.rejected / name
        path.touch()
        if name != "new.json":
            os.utime(path, (long_ago, long_ago))
    rig.door.prepare()
    assert [path.name for path in rig.door.rejected.iterdir()] == ["new.json"]
