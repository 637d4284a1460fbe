"""A real daemon, whose worker refuses every job, under bad messages at one of its doors."""

from __future__ import annotations

from pathlib import Path

from dap_bridge.errors import DapError
from dap_bridge.transport import control
from dap_bridge.verbs.request import Verb
from dap_bridge.verbs.separate.request import Separate
from dap_bridge.verbs.texture.request import Texture
from tests.processes import Process, until
from tests.trust.harness import PATIENCE_S, Lab, Tally, every_verb

BATCH = 50
CRASHED, HUNG, INTERNAL = "crashed", "hung", "internal"
REFUSE = ("-m", "tests.trust.served", "--run", "tests.trust.stub:refuse", "--probe", "tests.trust.stub:probe")


def good_messages() -> list[Verb]:
    clip, out = Path("/nowhere/clip.wav"), "/nowhere/out"
    jobs = [
        message.model_copy(update={"job": f"m-{message.name}"}) for message in every_verb(clip, "m-separate", "m-x")
    ]
    jobs.append(Separate(job="full", channel=(f"0:{clip}", f"1:{clip}"), start=3, frames=9, rate=44_100, out=out))
    jobs.append(Texture(mode="fill", length=5, clip=str(clip), after=str(clip), after_start=1, variations=2, out=out))
    asks = [control.Status(), control.Status(job="full"), control.Cancel(job="full"), control.Resume(job="full")]
    return [*jobs, *asks, control.Hello(), control.ListSessions(), control.Import(job="full", session="m-refine")]


class Door:
    """A daemon under fire."""

    def __init__(self, lab: Lab, tally: Tally) -> None:
        tally.watch(CRASHED, HUNG, INTERNAL)
        self._lab, self._tally = lab, tally
        self.daemon: Process = lab.daemon("home", *REFUSE, DAP_BRIDGE_SETTLE_S="0.05", DAP_BRIDGE_RESCAN_S="0.2")
        until((self.daemon.spool / "daemon.status").exists, PATIENCE_S)

    def alive(self, after: str) -> None:
        """It still answers; one that died is counted and started again."""
        if self.daemon.process.poll() is not None:
            self._tally.note(CRASHED, f"{after}: status {self.daemon.process.returncode}")
            self.daemon.client.close()
            self.daemon.start()
        try:
            self.daemon.client.hello(PATIENCE_S)
        except DapError as error:
            self._tally.note(HUNG, f"{after}: {error.message}")

    def close(self) -> None:
        """What it stumbled over stands in its log."""
        self.alive("at the end")
        stumbled = self.daemon.log.read_text(encoding="utf-8", errors="replace").split(
            "Traceback (most recent call last)"
        )
        for trace in stumbled[1:]:
            self._tally.note(INTERNAL, trace.strip().partition("\n20")[0].splitlines()[-1])
