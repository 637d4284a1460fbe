"""The command line: one command a verb, with or without a daemon."""

from __future__ import annotations

import signal
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__, console
from .domain import Job, Progress
from .errors import BadPreset, BadRequest, BadSettings, Cancelled, DapError

if TYPE_CHECKING:
    from .config import Settings
    from .jobs.output import Output
    from .transport.client import Client
    from .transport.protocol import JobVerb, Resume, Separate

DONE, FAILED, BAD_ARGUMENTS, CANCELLED = 0, 1, 2, 130


class _Commands(click.Group):
    """Turns errors into a sentence and an exit status, for every command below it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DapError as error:
            console.complain(error, "--json" in sys.argv)
            ctx.exit(BAD_ARGUMENTS if isinstance(error, BadRequest | BadPreset | BadSettings) else FAILED)
        except (Cancelled, KeyboardInterrupt):
            console.stderr.print("Cancelled; nothing was left behind.")
            ctx.exit(CANCELLED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dap-bridge")
def main() -> None:
    """Separates any two sounds of one clip, with untrained networks (Deep Audio Prior)."""


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object; logs go to stderr.")
port_option = click.option("--osc-port", type=click.IntRange(0, 65535), help="The daemon's OSC port.")


def clip_options(command: Callable[..., None]) -> Callable[..., None]:
    """What names a clip and how to separate it, as `separate` and `send separate` take it."""
    options = (
        click.argument("clip", type=click.Path(path_type=Path)),
        click.option("--start", type=click.FloatRange(min=0), default=0.0, help="Seconds into the file."),
        click.option("--length", type=click.FloatRange(min=0, min_open=True), help="Seconds; left out: to the end."),
        click.option("--sources", type=int, default=2, show_default=True, help="How many sounds."),
        click.option("--preset", default="default", show_default=True, help="See `dap-bridge presets`."),
        click.option("--seed", type=int, default=0, show_default=True),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _separate_message(clip: Path, start: float, length: float | None, out: Path | None, **options: Any) -> Separate:
    """The protocol's message: seconds at the user's edge become frames at the file's own rate."""
    from .audio.files import ClipReader
    from .domain import ChannelRef, Clip
    from .transport import protocol

    path = str(clip.absolute())
    with ClipReader(Clip((ChannelRef(path),))) as reader:
        rate = reader.rate
    fields = {
        "clip": path,
        "start": round(start * rate),
        "frames": None if length is None else max(1, round(length * rate)),
        "rate": rate,
        "out": None if out is None else str(out.absolute()),
    }
    message = protocol.parse("separate", fields | options)
    assert isinstance(message, protocol.Separate)
    return message


@main.command()
@clip_options
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the stems.")
@json_option
def separate(as_json: bool, **options: Any) -> None:
    """Split CLIP into stems that sum to it, here and now, without a daemon."""
    message = _separate_message(**options)
    _finish(_run_here(Job(uuid.uuid4().hex[:12], message.name, message.request())), as_json)


def _run_here(job: Job) -> Path:
    """Run a job in this process, with a bar; ctrl-C cancels it."""
    with console.progress_bar(job.verb) as show, tempfile.TemporaryDirectory() as folder:
        show(Progress(stage="loading"))
        from .jobs import worker
        from .jobs.output import Output

        with _ForegroundControl(show, Output(Path(folder) / "output.json")) as control:
            manifest = worker.run(job, control, Path.cwd())
            control.output.keep()
            return manifest


class _ForegroundControl:
    """Progress goes to the bar; the first ctrl-C asks the job to stop, between two iterations."""

    def __init__(self, show: Callable[[Progress], None], output: Output) -> None:
        self.output = output
        self._show = show
        self._stop = False

    def report(self, progress: Progress) -> None:
        self._show(progress)

    def cancelled(self) -> bool:
        return self._stop

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
    import json

    value = json.loads(manifest.read_text(encoding="utf-8"))
    lines = [
        f"{len(value['stems'])} stems in {manifest.parent} ({value['elapsed_s']:.1f} s on {value['device']}, "
        f"null test {value['null_db']:.0f} dB)"
    ]
    lines += [f"  {stem['path']}  {stem['name']}" for stem in value["stems"]]
    if value.get("confidence") is not None:
        lines.append(
            f"  Confidence {value['confidence']:.2f} of 1: how far the clusterings agree on what belongs together."
        )
    lines += [f"  Note: {warning}" for warning in value["warnings"]]
    console.answer(value, as_json, "\n".join(lines))


@main.command()
@json_option
def presets(as_json: bool) -> None:
    """List the presets, and say what is wrong with a bad one."""
    from . import presets as shelf

    found: dict[str, Any] = {}
    for name in shelf.names():
        try:
            about = shelf.load(name).about
            found[name] = {"title": about.title, "description": about.description, "method": about.method}
        except BadPreset as error:
            found[name] = {"error": error.as_dict()}
    if as_json:
        console.answer(found, True, "")
        return
    table = console.table("preset", "what it is for")
    for name, entry in found.items():
        text = entry["error"]["message"] if "error" in entry else f"{entry['title']}. {entry['description']}"
        table.add_row(name, text)
    console.stdout.print(table)


@main.command()
@json_option
@port_option
def doctor(as_json: bool, osc_port: int | None) -> None:
    """Check Python, torch, the device, ports, folders and codecs, and say how to mend what is wrong."""
    from . import doctor as surgery

    checks = surgery.examine(_settings(osc_port=osc_port))
    if as_json:
        console.answer({"ok": all(c.ok for c in checks), "checks": [c.as_dict() for c in checks]}, True, "")
    else:
        table = console.table("check", "", "found", "what to do")
        for check in checks:
            table.add_row(check.name, "ok" if check.ok else "[red]no[/red]", check.found, check.fix)
        console.stdout.print(table)
    sys.exit(DONE if all(check.ok for check in checks) else FAILED)


@main.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the results.")
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
def demo(out: Path, seed: int, as_json: bool) -> None:
    """Separate the recording that ships with dap-bridge, through a daemon, and show how well it went."""
    from . import demo as show

    show.run(out, seed, as_json)


spool_option = click.option("--spool", type=click.Path(file_okay=False, path_type=Path), help="The drop folder.")


@main.command()
@port_option
@click.option("--http-port", type=click.IntRange(0, 65535), help="The mask editor's TCP port; 0: a free one.")
@spool_option
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Where jobs and results are kept.")
def serve(**flags: Any) -> None:
    """Run the daemon until ctrl-C: OSC over UDP on loopback, a drop folder, and the mask editor's page."""
    from .daemon import serve as run

    sys.exit(run(_settings(**flags)))


def _settings(**flags: Any) -> Settings:
    from . import config

    return config.load(**flags)


@main.command()
@click.argument("session")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open it, or print the address alone.")
@spool_option
@json_option
def edit(session: str, browser: bool, spool: Path | None, as_json: bool) -> None:
    """Open the mask editor on SESSION (the name of a finished job) in the browser; the daemon must run."""
    import webbrowser

    from .transport import protocol
    from .transport.dropfolder import heartbeat

    protocol.parse("status", {"job": session})  # refuses what cannot be a name
    address = heartbeat(_settings(spool=spool).spool)["editor"] + session
    if browser:
        webbrowser.open(address)
    console.answer({"editor": address}, as_json, address)


@main.group()
def send() -> None:
    """The same verbs, to a running daemon, over OSC."""


wait_option = click.option("--wait", is_flag=True, help="Stay until the job has ended, and show its progress.")
job_argument = click.argument("job")


@send.command("separate")
@clip_options
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Left out: a folder of the daemon's.")
@click.option("--job", help="Name for the job; left out: a new one.")
@wait_option
@port_option
@json_option
def send_separate(osc_port: int | None, wait: bool, as_json: bool, **options: Any) -> None:
    """Have the daemon split CLIP into stems."""
    message = _separate_message(**options)
    with _client(osc_port) as client:
        _send_job(client, message, wait, as_json)


@send.command("resume")
@job_argument
@wait_option
@port_option
@json_option
def send_resume(job: str, osc_port: int | None, wait: bool, as_json: bool) -> None:
    """Have an interrupted, failed or cancelled JOB run again."""
    from .transport import protocol

    with _client(osc_port) as client:
        _send_job(client, protocol.Resume(job=job), wait, as_json)


@send.command("cancel")
@job_argument
@port_option
@json_option
def send_cancel(job: str, osc_port: int | None, as_json: bool) -> None:
    """Stop JOB; nothing of its output remains."""
    from .transport import protocol

    with _client(osc_port) as client:
        last = client.last_event(protocol.Cancel(job=job))
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


def _client(osc_port: int | None) -> Client:
    from .transport.client import Client

    return Client(_settings(osc_port=osc_port).osc_port)


def _send_job(client: Client, message: JobVerb | Resume, wait: bool, as_json: bool) -> None:
    from .transport import protocol
    from .transport.client import as_error

    if wait:
        with console.progress_bar(message.name) as show:
            manifest = client.run(message, show)
        _finish(manifest, as_json)
    else:
        event = next(client.request(message))
        if isinstance(event, protocol.Failed):
            raise as_error(event)
        console.answer(event.model_dump(mode="json"), as_json, f"{event.job}: {event.name}")


@main.group()
def install() -> None:
    """Bring the actions to where a host finds them."""


@install.command("reaper")
@click.option(
    "--resource-path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="REAPER's resource folder; left out: the usual place of this system.",
)
@click.option("--uninstall", is_flag=True, help="Take everything back.")
@json_option
def install_reaper(resource_path: Path | None, uninstall: bool, as_json: bool) -> None:
    """Copy the scripts into REAPER's resource folder and register the actions. Close REAPER first."""
    from .install import reaper

    folder = (resource_path or reaper.resource_path()).absolute()
    said = reaper.uninstall(folder) if uninstall else reaper.install(folder, _settings())
    said.append("REAPER reads its list of actions when it starts, and writes it when it ends.")
    console.answer({"resource_path": str(folder), "done": said}, as_json, "\n".join(said))


BENCHES = ("universal150", "recordings", "trios", "synthetic", "ablation", "dynamics", "speed", "report")


@main.command()
@click.argument("name", type=click.Choice(BENCHES))
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), help="Folder of the clips.")
@click.option("--preset", "presets", multiple=True, help="May be repeated; none: baselines alone.")
@click.option("--baselines", default="all", show_default=True, help="all, none, or names with commas between.")
@click.option("--kind", "kinds", multiple=True, help="Of recordings: pair, noisy, stereo, folded; may be repeated.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many clips (of recordings: of each kind).")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes side by side.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--iterations", type=click.IntRange(min=1), help="Cut the paper's fit to so many; speed: time so many.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the results.")
@click.option("--page", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="report: a page to fill in.")
@json_option
def bench(name: str, out: Path, page: Path | None, as_json: bool, **options: Any) -> None:
    """Measure the engine, baselines and the paper's figures; finished items are not run again."""
    from .bench import require_extra

    require_extra()
    from .bench import command

    try:
        answer = command.report_all(out, page) if name == "report" else command.measure(name, out, **options)
    except KeyboardInterrupt:
        console.stderr.print("Stopped. What is finished is kept: the same command goes on from there.")
        sys.exit(CANCELLED)
    console.answer(answer, as_json, answer["text"])
    sys.exit(FAILED if answer.get("failed") else DONE)
