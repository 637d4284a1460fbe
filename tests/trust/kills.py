"""Daemon and worker are killed at random moments, over all verbs: what is lost, touched, left, stuck, done twice."""

from __future__ import annotations

import json
import time
from pathlib import Path

from dap_bridge.transport import control
from dap_bridge.verbs.request import JobVerb
from tests.trust import harness
from tests.trust.harness import ENDED, PATIENCE_S, Lab, Tally, every_verb, happens

KILLS = 60
# So many kills meet the jobs of one batch, one job a verb.
KILLS_A_BATCH = 3
# One kill of so many falls into the daemon's start, before its worker is ready.
EARLY = 6
START_S = 3.0
LOST, TOUCHED, LEFT, STUCK, TWICE = "lost", "foreign touched", "left behind", "running for ever", "done twice"


def check(lab: Lab, tally: Tally) -> None:
    """Batches of jobs, each met by some kills, until there have been KILLS of them."""
    tally.watch(LOST, TOUCHED, LEFT, STUCK, TWICE)
    campaign = Campaign(lab, tally)
    kills = lab.times(KILLS)
    while tally.tried < kills:
        campaign.batch(min(KILLS_A_BATCH, kills - tally.tried))
    tally.figures = f"{len(campaign.asked)} jobs; killed {campaign.killed['daemon']} × daemon, "
    tally.figures += f"{campaign.killed['worker']} × worker"


class Campaign:
    """One daemon's folders, through all kills."""

    def __init__(self, lab: Lab, tally: Tally) -> None:
        self._lab, self._tally, self._dice = lab, tally, lab.dice
        self._clip = lab.clip()
        self._results = lab.home("home") / "results"
        self._foreign = self._make_foreign()
        self._before = harness.fingerprint(*self._foreign)
        self._daemon = lab.daemon(DAP_BRIDGE_RESCAN_S="0.5")
        self._ends: dict[str, tuple[float, int]] = {}
        self.asked: dict[str, JobVerb] = {}
        self.killed = {"daemon": 0, "worker": 0}
        harness.warm(self._daemon)
        self._span = self._first_results()

    def _make_foreign(self) -> list[Path]:
        """What is the user's and lies where jobs write: files, a dangling link, folders named as stages could be."""
        self._results.mkdir()
        beside = [self._results / "notes.txt", self._results / ".dap-mine", self._lab.folder / "clip.wav"]
        beside[0].write_text("mine")
        beside[1].mkdir()
        (beside[1] / "take.wav").write_bytes(b"mine")
        link = self._results / "link"
        link.symlink_to(self._results / "nowhere")
        return [*beside, link]

    def _first_results(self) -> float:
        """Sessions to correct, and how long a batch takes when nothing disturbs it."""
        for name, message in {"base": 0, "corrected": 1}.items():
            jobs = every_verb(self._clip, "base", "corrected")
            self._ask(name, jobs[message])
            harness.ended(self._daemon, name)
        began = time.monotonic()
        self._submit("first")
        self._finish()
        return time.monotonic() - began

    def batch(self, kills: int) -> None:
        self._submit(f"b{self._tally.tried}")
        for _ in range(kills):
            self._wait_for_a_moment()
            self._kill()
            self._tally.tried += 1
        self._finish()
        self._look_for_what_is_left()

    def _submit(self, batch: str) -> None:
        messages = every_verb(self._clip, "base", "corrected")
        self._dice.shuffle(messages)
        for message in messages:
            self._ask(f"{batch}-{message.name}", message)

    def _ask(self, name: str, message: JobVerb) -> None:
        """By OSC or through the drop folder, into a folder that is named or not, which may be there already."""
        out = self._results / name if self._dice.random() < 0.7 else None
        if out is not None and self._dice.random() < 0.3:
            out.mkdir()
        message = message.model_copy(update={"job": name, "out": None if out is None else str(out)})
        self.asked[name] = message
        if self._dice.random() < 0.5:
            self._daemon.drop(name, {"verb": message.name, **message.model_dump(mode="json", exclude_none=True)})
        else:
            next(iter(self._daemon.client.request(message)))

    def _wait_for_a_moment(self) -> None:
        if self._dice.randrange(EARLY):
            harness.warm(self._daemon)
            waiting = sum(row.state not in ENDED for row in harness.jobs(self._daemon).values())
            time.sleep(self._dice.uniform(0, self._span * min(1.0, waiting / 6 + 0.05)))
        else:
            time.sleep(self._dice.uniform(0, START_S))

    def _kill(self) -> None:
        """One of the two; whoever asks for a job that was interrupted asks for it again."""
        workers = harness.workers(self._daemon)
        if workers and self._dice.random() < 0.4:
            self.killed["worker"] += 1
            self._dice.choice(workers).kill()
            return
        self.killed["daemon"] += 1
        harness.kill(self._daemon)
        happens(lambda: not any(process.is_running() for process in workers))
        self._daemon.start()
        self._see_what_came_through()
        self._resume()

    def _see_what_came_through(self) -> None:
        """Right after the start: done is done, and of what is not nothing shows."""
        happens(lambda: not self._cut_off())
        for name, row in harness.jobs(self._daemon).items():
            if row.state == "done":
                self._check_done(name, row.manifest)
            elif row.state in ENDED:
                for path in self._made_by(name):
                    self._tally.note(LEFT, f"{path} of {name}, which is {row}")

    def _cut_off(self) -> bool:
        """Whether a job still counts as running that no worker can have begun since the start."""
        device = self._daemon.client.hello(PATIENCE_S).device
        return not device and any(row.state == "running" for row in harness.jobs(self._daemon).values())

    def _resume(self) -> None:
        for name, row in harness.jobs(self._daemon).items():
            if row.state in ENDED and row.state != "done":
                self._daemon.client.send(control.Resume(job=name))

    def _finish(self) -> None:
        """Until every job is done; one that ended otherwise is asked for again."""
        for name in self.asked:
            for _ in range(3):
                row = harness.ended(self._daemon, name, PATIENCE_S)
                if row.state not in ENDED or row.state == "done":
                    break
                next(iter(self._daemon.client.request(control.Resume(job=name))))
            if row.state == "running":
                self._tally.note(STUCK, name)
            elif row.state == "done":
                self._check_done(name, row.manifest)
            else:
                self._tally.note(LOST, f"{name} is {row or 'unknown'}")

    def _check_done(self, name: str, manifest: str) -> None:
        """Its files are all there and nothing else, and they are the ones that it was done with."""
        path = Path(manifest)
        try:
            stems = {stem["path"] for stem in json.loads(path.read_text(encoding="utf-8"))["stems"]}
            status = path.stat()
        except (OSError, ValueError) as error:
            self._tally.note(LOST, f"{name} is done, but {error!r}")
            return
        there = {child.name for child in path.parent.iterdir()} if path.parent.exists() else set()
        for missing in stems - there:
            self._tally.note(LOST, f"{missing} of {name}")
        for more in there - stems - {path.name}:
            self._tally.note(TWICE, f"{more} in {path.parent}")
        end = self._ends.setdefault(name, (status.st_mtime, status.st_ino))
        self._tally.check(end == (status.st_mtime, status.st_ino), TWICE, f"{name} was run again")

    def _made_by(self, name: str) -> list[Path]:
        places = [self._results / name, self._daemon.data / "jobs" / name / "result"]
        return [path for place in places for path in place.rglob("*")]

    def _look_for_what_is_left(self) -> None:
        """After one more start, with every job done: nothing that jobs need on their way, nothing of others touched."""
        self._daemon.end()
        self._daemon.client.close()
        self._daemon.start()
        home = self._daemon.home
        on_the_way = ["**/.dap-*", "**/*.tmp", "data/jobs/*/*.json", "data/jobs/*/scratch", "tmp/*"]
        found = {path for pattern in on_the_way for path in home.glob(pattern)} - {self._results / ".dap-mine"}
        for path in sorted(found):
            self._tally.note(LEFT, path.relative_to(home))
            harness.remove(path)
        now = harness.fingerprint(*self._foreign)
        for touched in self._before.keys() | now.keys():
            self._tally.check(self._before.get(touched) == now.get(touched), TOUCHED, touched)
        self._before = now
