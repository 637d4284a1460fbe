"""The verbs that make jobs, each here and now or sent to a daemon, and what else a daemon is asked."""

from __future__ import annotations

import json
import signal
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import console
from ..domain import Job, Progress
from .root import json_option, main, port_option, settings

if TYPE_CHECKING:
    from ..jobs.output import Output
    from ..jobs.sessions import Sessions
    from ..transport.client import Client
    from ..transport.verbs import JobVerb, Resume

Option = Callable[[Callable[..., Any]], Callable[..., Any]]
# What a command's options mean, as fields of its verb in the protocol's table.
Fields = Callable[..., dict[str, Any]]

FOLDER = click.Path(file_okay=False, path_type=Path)
CLIP: tuple[Option, ...] = (
    click.argument("clip", type=click.Path(path_type=Path)),
    click.option("--start", type=click.FloatRange(min=0), default=0.0, help="Seconds into the file."),
    click.option("--length", type=click.FloatRange(min=0, min_open=True), help="Seconds; left out: to the end."),
)


def preset_option(default: str) -> Option:
    return click.option("--preset", default=default, show_default=True, help="See `dap-bridge presets`.")


COMPUTING: tuple[Option, ...] = (
    click.option("--seed", type=int, default=0, show_default=True),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
)


@main.group()
def send() -> None:
    """The same verbs, to a running daemon, over OSC."""


wait_option = click.option("--wait", is_flag=True, help="Stay until the job has ended, and show its progress.")
job_argument = click.argument("job")


def job_verb(name: str, *options: Option) -> Callable[[Fields], Fields]:
    """Make a function the command `dap-bridge NAME`, which does the job here, and `dap-bridge send NAME`.

    The function turns the options' values into the fields of the verb; its docstring is the help of both.
    """

    def declare(fields: Fields) -> Fields:
        def message(out: Path | None, job: str | None = None, **values: Any) -> JobVerb:
            from ..transport import protocol, verbs

            common = {"out": None if out is None else str(out.absolute()), "job": job}
            found = protocol.parse(name, fields(**values) | common)
            assert isinstance(found, verbs.JobVerb)
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
        called = click.option("--job", help="Name for the job; left out: a new one.")
        for group, run, more in (
            (main, here, (must, json_option)),
            (send, sent, (may, called, wait_option, port_option, json_option)),
        ):
            command: Callable[..., Any] = run
            for option in reversed((*options, *more)):
                command = option(command)
            group.command(name, help=fields.__doc__)(command)
        return fields

    return declare


def clip_fields(clip: Path, start: float, length: float | None) -> dict[str, Any]:
    """What names a clip in the protocol: seconds at the user's edge become frames at the file's own rate."""
    from ..audio.files import ClipReader
    from ..domain import ChannelRef, Clip

    path = str(clip.absolute())
    with ClipReader(Clip((ChannelRef(path),))) as reader:
        rate = reader.rate
    return {
        "clip": path,
        "start": round(start * rate),
        "frames": None if length is None else max(1, round(length * rate)),
        "rate": rate,
    }


@job_verb(
    "separate",
    *CLIP,
    click.option("--sources", type=int, default=2, show_default=True, help="How many sounds."),
    preset_option("default"),
    *COMPUTING,
)
def separate(clip: Path, start: float, length: float | None, **options: Any) -> dict[str, Any]:
    """Split CLIP into stems that sum to it."""
    return clip_fields(clip, start, length) | options


@job_verb(
    "coseparate",
    click.argument("clips", metavar="CLIP CLIP [CLIP…]", type=click.Path(path_type=Path), nargs=-1, required=True),
    preset_option("coseparate"),
    *COMPUTING,
)
def coseparate(clips: tuple[Path, ...], **options: Any) -> dict[str, Any]:
    """Split every CLIP into the sound that all of them share and what it has of its own."""
    return {"item": [f"0:::{clip.absolute()}" for clip in clips]} | options


@job_verb(
    "denoise",
    *CLIP,
    click.option(
        "--strength", type=float, default=1.0, show_default=True, help="0: no noise leaves the speech, 1: all."
    ),
    click.option("--swap", is_flag=True, help="The other one of the two is the speech."),
    preset_option("denoise"),
    *COMPUTING,
)
def denoise(clip: Path, start: float, length: float | None, **options: Any) -> dict[str, Any]:
    """Split CLIP into speech and noise, which sum to it."""
    return clip_fields(clip, start, length) | options


BOXES: tuple[Option, ...] = (
    click.option("--label", help="What stems are named after; left out: as the session's."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
)


def session_field(session: str) -> str:
    """A path, where there is one, as the protocol wants it; else a session's name."""
    path = Path(session)
    return str(path.absolute()) if path.exists() else session


@job_verb(
    "refine",
    click.argument("session"),
    click.option("--box", multiple=True, help="stem=1,op=deactivate,start=1.2,end=2.0,low=200,high=4000[,strength=1]"),
    click.option("--keep/--replace", default=True, help="After the boxes there are, or instead of them."),
    click.option("--fit/--preview", default=True, help="Refit the networks, or answer at once without them."),
    click.option("--carry/--no-carry", default=True, help="Correct the rest of a long clip by what the boxes taught."),
    click.option("--seed", type=int, help="Separate again with this seed; left out: the session's."),
    *BOXES,
)
def refine(session: str, **options: Any) -> dict[str, Any]:
    """Correct SESSION (its name, or a manifest.json) where its masks are wrong: boxes say what is, and what is not."""
    return {"session": session_field(session)} | options


@job_verb("undo", click.argument("session"), *BOXES)
def undo(session: str, **options: Any) -> dict[str, Any]:
    """SESSION without the last of its boxes."""
    return {"session": session_field(session)} | options


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
    from ..jobs.sessions import Sessions

    kept = Sessions.below(settings().data)
    _list_sessions([session.about(kept.has_fit(session)) for session in kept.all()], as_json)


def _list_sessions(found: list[dict[str, Any]], as_json: bool) -> None:
    lines = [
        f"{one['session']}  {one['boxes']} boxes  {one['label']}  {one['clip']}{'' if one['stored'] else '  (no fit)'}"
        for one in found
    ]
    console.answer({"sessions": found}, as_json, "\n".join(lines) or "No sessions.")


@job_verb(
    "texture",
    *CLIP,
    click.option(
        "--seconds",
        type=click.FloatRange(min=0, min_open=True),
        required=True,
        help="Length of the result; of the gap alone with --mode fill.",
    ),
    click.option("--mode", type=click.Choice(["extend", "fill", "loop"]), default="extend", show_default=True),
    click.option("--after", type=click.Path(path_type=Path), help="fill: the clip after the gap."),
    click.option("--gap-start", type=click.FloatRange(min=0), help="fill: seconds into CLIP where its gap begins."),
    click.option("--variation", type=float, default=0.5, show_default=True, help="0: near the clip; 1: far from it."),
    click.option("--variations", type=int, default=1, show_default=True, help="How many results."),
    preset_option("texture"),
    *COMPUTING,
)
def texture(
    clip: Path,
    start: float,
    length: float | None,
    seconds: float,
    after: Path | None,
    gap_start: float | None,
    **options: Any,
) -> dict[str, Any]:
    """Make more of the texture in CLIP: as long as you want, into a gap, or as a loop."""
    fields = clip_fields(clip, start, length)
    fields["length"] = max(1, round(seconds * fields["rate"]))
    if after is not None:
        fields["after"] = str(after.absolute())
    if gap_start is not None:
        fields["gap_start"] = round(gap_start * fields["rate"])
    return fields | options


@send.command("resume")
@job_argument
@wait_option
@port_option
@json_option
def send_resume(job: str, osc_port: int | None, wait: bool, as_json: bool) -> None:
    """Have an interrupted, failed or cancelled JOB run again."""
    from ..transport import verbs

    with _client(osc_port) as client:
        _send_job(client, verbs.Resume(job=job), wait, as_json)


@send.command("cancel")
@job_argument
@port_option
@json_option
def send_cancel(job: str, osc_port: int | None, as_json: bool) -> None:
    """Stop JOB; nothing of its output remains."""
    from ..transport import verbs

    with _client(osc_port) as client:
        last = client.last_event(verbs.Cancel(job=job))
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
    with _client(osc_port) as client:
        jobs = client.status()
    lines = [f"{job.job}  {job.verb}  {job.state}" for job in jobs]
    console.answer({"jobs": [job.model_dump(mode="json") for job in jobs]}, as_json, "\n".join(lines) or "No jobs.")


def _run_here(job: Job) -> Path:
    """Run a job in this process, with a bar; ctrl-C cancels it."""
    with console.progress_bar(job.verb) as show, tempfile.TemporaryDirectory() as folder:
        show(Progress(stage="loading"))
        from ..jobs import worker
        from ..jobs.output import Output
        from ..jobs.sessions import Sessions

        output, sessions = Output(Path(folder) / "output.json"), Sessions.below(settings().data)
        with _ForegroundControl(show, output, sessions) as control:
            manifest = worker.run(job, control, Path.cwd())
            control.output.keep()
            return manifest


class _ForegroundControl:
    """Progress goes to the bar; the first ctrl-C asks the job to stop, between two iterations."""

    def __init__(self, show: Callable[[Progress], None], output: Output, sessions: Sessions) -> None:
        self.output, self.sessions = output, sessions
        self._show = show
        self._stop = False

    def report(self, progress: Progress) -> None:
        self._show(progress)

    def cancelled(self) -> bool:
        return self._stop

    def publishing(self, staged: Path, manifest: Path) -> None:
        pass  # nobody takes over from this process

    def __enter__(self) -> _ForegroundControl:
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, *_: object) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True


def _finish(manifest: Path, as_json: bool) -> None:
    value = json.loads(manifest.read_text(encoding="utf-8"))
    count = len(value["stems"])
    null = "" if value["null_db"] is None else f", null test {value['null_db']:.0f} dB"
    lines = [
        f"{count} {'stem' if count == 1 else 'stems'} in {manifest.parent} "
        f"({value['elapsed_s']:.1f} s on {value['device']}{null})"
    ]
    lines += [f"  {stem['path']}  {stem['name']}" for stem in value["stems"]]
    if value.get("confidence") is not None:
        lines.append(f"  Confidence {value['confidence']:.2f} of 1, judged without knowing the true sounds.")
    lines += [f"  Note: {warning}" for warning in value["warnings"]]
    console.answer(value, as_json, "\n".join(lines))


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
