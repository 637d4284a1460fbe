"""Jobs that somebody waits for: what they make or why not, and an end that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dap_bridge import config
from dap_bridge.domain import Job, Progress
from dap_bridge.errors import BadClip, Cancelled, DapError, WorkerDied
from dap_bridge.jobs.errands import Errands
from dap_bridge.jobs.workers.local.worker import LocalWorker
from tests.jobs.rig import STUB, STUB_RESULT

Do = Callable[..., Awaitable[Path]]


def with_two(folder: Path, scene: Callable[[Errands, Do], Awaitable[None]]) -> None:
    """Play a scene of errands that two workers do, which run the stub; do(name, what, show) has one of them do that."""
    workers = [
        LocalWorker("cpu", folder, folder / f"worker-{number}.json", f"{STUB}:run", f"{STUB}:probe", stall_s=60)
        for number in (1, 2)
    ]

    async def main() -> None:
        errands = Errands(workers, folder, config.load())

        async def do(name: str, what: str, show: Callable[[Progress], None] = lambda _: None) -> Path:
            request = {"out": str(folder / f"out-{name}"), "label": what, "device": "auto"}
            return await errands.do(Job(name, "separate", request), show)

        try:
            await scene(errands, do)
        finally:
            await errands.close()

    asyncio.run(asyncio.wait_for(main(), 150))


def test_each_has_its_result_or_its_error_and_what_dies_twice_is_given_up(tmp_path: Path) -> None:
    labels = {"a": "ok", "b": "bad-clip", "c": "die", "d": "die-once", "e": "sleep 0.5", "f": "crash"}
    told: list[float] = []

    async def scene(_: Errands, do: Do) -> None:
        asked = [do(name, what, lambda report: told.append(report.fraction)) for name, what in labels.items()]
        ended = await asyncio.gather(*asked, return_exceptions=True)
        kinds_of = dict(zip(labels, ended, strict=True))
        assert [kinds_of[name] for name in "ade"] == [tmp_path / f"out-{name}" / "manifest.json" for name in "ade"]
        assert [type(kinds_of[name]) for name in "bcf"] == [BadClip, WorkerDied, DapError]
        assert isinstance(kinds_of["b"], BadClip)
        assert (kinds_of["b"].message, kinds_of["b"].hint) == ("The stub does not like it.", "Try another one.")

    with_two(tmp_path, scene)
    assert told
    runs = [line.split() for line in (tmp_path / "runs.log").read_text().splitlines()]
    assert [sum(name == job for job, _ in runs) for name in labels] == [1, 1, 2, 2, 1, 1]
    assert len({pid for job, pid in runs if job in "ae"}) == 2, "two at a time"
    assert sorted(path.name for path in tmp_path.glob("out-*/*")) == sorted(3 * STUB_RESULT)
    assert not list(tmp_path.glob("*/scratch"))
    assert not list(tmp_path.glob("worker*.json"))


def test_an_end_stops_what_is_under_way_and_nothing_is_begun_after_it(tmp_path: Path) -> None:
    async def scene(errands: Errands, do: Do) -> None:
        labels = {"a": "sleep 60", "b": "stubborn 60", "waits": "ok"}
        asked = [asyncio.ensure_future(do(name, what)) for name, what in labels.items()]
        while not (tmp_path / "runs.log").is_file() or len((tmp_path / "runs.log").read_text().splitlines()) < 2:
            await asyncio.sleep(0.01)
        await errands.end()
        ended = await asyncio.gather(*asked, do("late", "ok"), return_exceptions=True)
        assert [type(one) for one in ended] == [Cancelled] * 4

    with_two(tmp_path, scene)
    assert not list(tmp_path.glob("out-*"))


def test_asked_twice_it_waits_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAP_BRIDGE_CANCEL_GRACE_S", "3000")

    async def scene(errands: Errands, do: Do) -> None:
        asked = asyncio.ensure_future(do("a", "stubborn 60"))
        while not (tmp_path / "runs.log").is_file():
            await asyncio.sleep(0.01)
        await errands.end()
        await errands.end()
        assert await asyncio.gather(asked, return_exceptions=True)
        assert isinstance(asked.exception(), Cancelled)

    with_two(tmp_path, scene)
    assert not list(tmp_path.glob("out-*"))
