"""The verbs that make jobs, each here and now or sent to a daemon, and what else a daemon is asked."""

from __future__ import annotations

import signal
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..domain import Format, Job, Progress
from ..jobs import results
from ..jobs.sessions import Sessions
from ..jobs.unwatched import Unwatched
from ..verbs import table
from .root import json_option, main, port_option, settings

if TYPE_CHECKING:
    from ..transport.client import Client
    from ..transport.control import Resume
    from ..verbs.request import JobVerb

FOLDER = click.Path(file_okay=False, path_type=Path)


@main.group()
def send() -> None:
    """The same verbs, to a running daemon, over OSC."""


wait_option = click.option("--wait", is_flag=True, help="Stay until the job has ended, and show its progress.")
job_argument = click.argument("job")


def add(verb: str) -> None:
    """Make a verb the command `dap-bridge NAME`, which does the job here, and `dap-bridge send NAME`."""
    typed = table.command(verb)

    def message(out: Path | None, job: str | None = None, **values: Any) -> JobVerb:
        from ..transport import protocol
        from ..verbs.request import JobVerb

        common = {"out": None if out is None else str(out.absolute()), "job": job}
        found = protocol.parse(verb, typed.fields(**values) | common)
        assert isinstance(found, JobVerb)
        return found

    def here(as_json: bool, **values: Any) -> None:
        asked = message(**values)
        _finish(_run_here(Job(uuid.uuid4().hex[:12], asked.name, asked.request())), as_json)

    def sent(osc_port: int | None, wait: bool, as_json: bool, **values: Any) -> None:
        asked = message(**values)
        with _client(osc_port) as client:
            _send_job(client, asked, wait, as_json)

    must = click.option("--out", type=FOLDER, required=True, help="Folder for the results.")
    may = click.option("--out", type=FOLDER, help="Left out: a folder of the daemon's.")
    kind = click.Choice([form.value for form in Format])
    written = click.option("--format", type=kind, help="Of the results; left out: the setting `format`, float32.")
    called = click.option("--job", help="Name for the job; left out: a new one.")
    for group, run, more in (
        (main, here, (must, json_option)),
        (send, sent, (may, called, wait_option, port_option, json_option)),
    ):
        command: Callable[..., Any] = run
        for option in reversed((*typed.options, written, *more)):
            command = option(command)
        group.command(verb, help=typed.fields.__doc__)(command)


for name in table.VERBS:
    add(name)


@send.command("sessions")
@port_option
@json_option
def send_sessions(osc_port: int | None, as_json: bool) -> None:
    """List the results that can be corrected."""
    with _client(osc_port) as client:
        found = [session.model_dump(mode="json") for session in client.sessions()]
    _list_sessions(found, as_json)


@main.command("sessions")
@json_option
def list_sessions(as_json: bool) -> None:
    """List the results that can be corrected."""
    kept = Sessions.below(settings().data)
    _list_sessions([session.about(kept.has_learned(session)) for session in kept.all()], as_json)


def _list_sessions(found: list[dict[str, Any]], as_json: bool) -> None:
    lines = [
        f"{one['session']}  {one['boxes']} boxes  {one['label']}  {one['clip']}{'' if one['stored'] else '  not kept'}"
        for one in found
    ]
    console.answer({"sessions": found}, as_json, "\n".join(lines) or "No sessions.")


@send.command("resume")
@job_argument
@wait_option
@port_option
@json_option
def send_resume(job: str, osc_port: int | None, wait: bool, as_json: bool) -> None:
    """Have an interrupted, failed or cancelled JOB run again."""
    from ..transport.control import Resume

    with _client(osc_port) as client:
        _send_job(client, Resume(job=job), wait, as_json)


@send.command("cancel")
@job_argument
@port_option
@json_option
def send_cancel(job: str, osc_port: int | None, as_json: bool) -> None:
    """Stop JOB; nothing of its output remains."""
    from ..transport.control import Cancel

    with _client(osc_port) as client:
        last = client.last_event(Cancel(job=job))
    console.answer(last.model_dump(mode="json"), as_json, f"{job}: {last.name}")


@send.command("hello")
@port_option
@json_option
def send_hello(osc_port: int | None, as_json: bool) -> None:
    """Ask whether a daemon is there."""
    with _client(osc_port) as client:
        welcome = client.hello()
    device = f"{welcome.device}: {welcome.device_reason}" if welcome.device else "device not probed yet"
    text = f"dap-bridge {welcome.version}, pid {welcome.pid}, {welcome.jobs} jobs waiting or running. {device}"
    console.answer(welcome.model_dump(mode="json"), as_json, f"{text}\nDrop folder: {welcome.spool}")


@send.command("status")
@port_option
@json_option
def send_status(osc_port: int | None, as_json: bool) -> None:
    """List the jobs that have not ended."""
    from ..transport import events

    with _client(osc_port) as client:
        jobs = client.status()
    states = (events.waiting(job).sentence if job.place else job.state for job in jobs)
    lines = [f"{job.job}  {job.verb}  {state}" for job, state in zip(jobs, states, strict=True)]
    console.answer({"jobs": [job.model_dump(mode="json") for job in jobs]}, as_json, "\n".join(lines) or "No jobs.")


def _run_here(job: Job) -> Path:
    """Run a job in this process, with a bar; ctrl-C and its kind cancel it."""
    with console.progress_bar(job.verb) as show, tempfile.TemporaryDirectory() as folder:
        show(Progress(stage="loading"))
        from ..jobs import worker

        control = _ForegroundControl(Path(folder), Sessions.below(settings().data), show)
        try:
            with control:
                manifest = worker.run(job, control, Path.cwd())
                control.output.keep()
                return manifest
        finally:
            control.output.discard()


class _ForegroundControl(Unwatched):
    """Progress goes to the bar; the first ctrl-C or its kind asks the job to stop, between two iterations."""

    def __init__(self, folder: Path, sessions: Sessions, show: Callable[[Progress], None]) -> None:
        super().__init__(folder, sessions)
        self._show = show
        self._stop = False

    def report(self, progress: Progress) -> None:
        self._show(progress)

    def cancelled(self) -> bool:
        return self._stop

    def __enter__(self) -> _ForegroundControl:
        self._before = {number: signal.signal(number, self._interrupt) for number in console.endings()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, *_: object) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True


def _finish(path: Path, as_json: bool) -> None:
    manifest = results.read(path)
    count = len(manifest.stems)
    null = "" if manifest.null_db is None else f", null test {manifest.null_db:.0f} dB"
    lines = [
        f"{count} {'stem' if count == 1 else 'stems'} in {path.parent} "
        f"({manifest.elapsed_s:.1f} s on {manifest.device}{null})"
    ]
    lines += [f"  {stem.path}  {stem.name}" for stem in manifest.stems]
    for one in manifest.alternatives[1:]:
        lines.append(f"  {results.folder(one.index)}  another answer, {one.what}")
    if manifest.confidence is not None:
        lines.append(f"  Confidence {manifest.confidence:.2f} of 1, judged without knowing the true sounds.")
    lines += [f"  Note: {warning}" for warning in manifest.warnings]
    console.answer(manifest.as_dict(), as_json, "\n".join(lines))


def _client(osc_port: int | None) -> Client:
    from ..transport.client import Client

    return Client(settings(osc_port=osc_port).osc_port)


def _send_job(client: Client, message: JobVerb | Resume, wait: bool, as_json: bool) -> None:
    from ..transport import events
    from ..transport.client import as_error

    if wait:
        with console.progress_bar(message.name) as show:
            manifest = client.run(message, show)
        _finish(manifest, as_json)
    else:
        event = next(client.request(message))
        if isinstance(event, events.Failed):
            raise as_error(event)
        console.answer(event.model_dump(mode="json"), as_json, f"{event.job}: {event.name}")
