"""The verbs that make jobs, each here and now or sent to a daemon, and what else a daemon is asked."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..domain import Format, Job
from ..errors import BadRequest
from ..jobs.folder import JobFolder
from ..verbs import table
from ..verbs.command import CLIP_ALONE, CLIPS, ONE_CLIP, SESSION, Option
from . import clips, here, projects, sessions
from .batch import Batch
from .root import json_option, main, port_option, settings, workers_option

if TYPE_CHECKING:
    from ..config import Settings
    from ..transport.client import Client
    from ..transport.control import Resume
    from ..verbs.request import JobVerb

FOLDER = click.Path(file_okay=False, path_type=Path)


@main.group()
def send() -> None:
    """The same verbs, to a running daemon, over OSC."""


wait_option = click.option("--wait", is_flag=True, help="Stay until the job has ended, and show its progress.")
job_argument = click.argument("job")
# What may be typed where a verb declares what it works on; and, where the job is done here, instead of a clip.
ANYWHERE = {SESSION: sessions.argument}
SESSIONS_SAID = "SESSION: a result's folder, its manifest.json, its name in `dap-bridge sessions`, or `last`."
CLIPS_SAID = "CLIP: a file, or a folder or a pattern (in quotes), which stand for the audio files in them."
HERE = ANYWHERE | {ONE_CLIP: clips.argument, CLIPS: clips.argument}


def add(verb: str) -> None:
    """Make a verb the command `dap-bridge NAME`, which does the job here, and `dap-bridge send NAME`."""
    typed = table.command(verb)

    def message(out: Path | None, job: str | None = None, **values: Any) -> JobVerb:
        from ..transport import protocol
        from ..verbs.request import JobVerb

        common = {"out": None if out is None else str(out.absolute()), "job": job, "file_names": "names"}
        try:
            found = protocol.parse(verb, typed.fields(**values) | common)
        except BadRequest as error:
            if error.hint == BadRequest.default_hint:
                error.hint = f"See `dap-bridge {verb} --help`."
            raise
        assert isinstance(found, JobVerb)
        return found

    def of_session(out: Path | None, as_json: bool, dawproject: Path | None, **values: Any) -> None:
        projects.require_writable(dawproject)
        base = sessions.folder_for(values["session"])
        _finish_here(message(out or clips.free(base), **values), as_json, dawproject)

    def of_clip_alone(out: Path | None, as_json: bool, dawproject: Path | None, **values: Any) -> None:
        projects.require_writable(dawproject)
        _finish_here(message(out or clips.free(clips.beside(values["clip"])), **values), as_json, dawproject)

    def of_clips(
        out: Path | None, as_json: bool, dawproject: Path | None, names: tuple[str, ...], recursive: bool, **values: Any
    ) -> None:
        projects.require_writable(dawproject)
        found, _ = clips.find(names, recursive)
        asked = message(out or clips.free(clips.beside(found[0])), clips=tuple(found), **values)
        _finish_here(asked, as_json, dawproject)

    def of_clip(
        out: Path | None,
        as_json: bool,
        dawproject: Path | None,
        track: str | None,
        names: tuple[str, ...],
        recursive: bool,
        workers: str | None,
        **values: Any,
    ) -> None:
        chosen = settings(workers=workers)
        found, several = clips.find(names, recursive)
        if projects.is_project(found):
            projects.separate(
                found[0], track, out, dawproject, as_json, lambda **more: _do(message(**(values | more)), chosen)
            )
            return
        projects.require_writable(dawproject, several, track)
        if several:
            place = out and out.absolute()
            batch = Batch(verb, repr(values), place, lambda clip: message(None, clip=clip, **values), chosen)
            batch.run(list(dict.fromkeys(found)), as_json)
        else:
            asked = message(out or clips.free(clips.beside(found[0])), clip=found[0], **values)
            _finish_here(asked, as_json, dawproject, chosen)

    def sent(osc_port: int | None, wait: bool, as_json: bool, **values: Any) -> None:
        asked = message(**values)
        with _client(osc_port) as client:
            _send_job(client, asked, wait, as_json)

    beside = click.option("--out", "-o", type=FOLDER, help="Folder for the results; left out: one beside the clip.")
    theirs = click.option("--out", "-o", type=FOLDER, help="Folder for the results; left out: one of the daemon's.")
    kind = click.Choice([form.value for form in Format])
    written = click.option("--format", type=kind, help="Of the results; left out: the setting `format`, float32.")
    called = click.option("--job", help="Name for the job; left out: a new one.")
    alone = SESSION in typed.options or CLIP_ALONE in typed.options
    deep = () if alone else (clips.recursive_option,)
    many = (workers_option,) if ONE_CLIP in typed.options else ()
    of_project = (projects.file_option, *([projects.track_option] if ONE_CLIP in typed.options else []))
    ways: dict[Option, Callable[..., None]] = {
        SESSION: of_session,
        CLIP_ALONE: of_clip_alone,
        CLIPS: of_clips,
        ONE_CLIP: of_clip,
    }
    done = next(way for worked_on, way in ways.items() if worked_on in typed.options)
    for group, run, instead, more in (
        (main, done, HERE, (*deep, beside, *of_project, *many, json_option)),
        (send, sent, ANYWHERE, (theirs, called, wait_option, port_option, json_option)),
    ):
        command: Callable[..., Any] = run
        options = [instead.get(option, option) for option in typed.options]
        for option in reversed((*options, written, *more)):
            command = option(command)
        said = SESSIONS_SAID if SESSION in typed.options else CLIPS_SAID if group is main and not alone else None
        group.command(verb, help=typed.fields.__doc__, epilog=said)(command)


for name in table.VERBS:
    add(name)


@send.command("sessions")
@port_option
@json_option
def send_sessions(osc_port: int | None, as_json: bool) -> None:
    """List the results that can be corrected."""
    with _client(osc_port) as client:
        found = [session.model_dump(mode="json") for session in client.sessions()]
    sessions.show(found, as_json)


@main.command("sessions")
@json_option
def list_sessions(as_json: bool) -> None:
    """List the results that can be corrected."""
    sessions.show(sessions.here(), as_json)


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


def _finish_here(asked: JobVerb, as_json: bool, dawproject: Path | None, chosen: Settings | None = None) -> None:
    manifest = _do(asked, chosen or settings())
    here.finish(manifest, as_json)
    if dawproject is not None:
        projects.save(manifest, dawproject, as_json)


def _do(asked: JobVerb, chosen: Settings) -> Path:
    """The manifest of what is asked, done here and now, a long clip by the workers that were chosen."""
    job = Job(uuid.uuid4().hex[:12], asked.name, asked.request())
    with console.progress_bar(asked.name) as show, tempfile.TemporaryDirectory() as place:
        return here.run(job, JobFolder(Path(place) / "job"), show, chosen.workers)


def _client(osc_port: int | None) -> Client:
    from ..transport.client import Client

    return Client(settings(osc_port=osc_port).osc_port)


def _send_job(client: Client, message: JobVerb | Resume, wait: bool, as_json: bool) -> None:
    from ..transport import events
    from ..transport.client import as_error

    if wait:
        with console.progress_bar(message.name) as show:
            manifest = client.run(message, show)
        here.finish(manifest, as_json)
    else:
        event = next(client.request(message))
        if isinstance(event, events.Failed):
            raise as_error(event)
        console.answer(event.model_dump(mode="json"), as_json, f"{event.job}: {event.name}")
