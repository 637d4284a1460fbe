"""Results as a person names them: by a folder, a manifest, a session's name, or `last`; and the list of them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from .. import console, times
from ..domain import JOB_NAME
from ..errors import BadRequest, UnknownSession
from ..jobs import results
from ..jobs.results import NoResultError
from ..jobs.sessions import Session, Sessions
from ..verbs.command import Option
from .clips import beside
from .root import settings

LAST = "last"


class Result(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.5 on
    """What a person calls a result; the command gets what `named` makes of it."""

    name = "result"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Raises as `named` does."""
        return named(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """`last`, the sessions' names, and whatever lies in the folder."""
        names = [name for name in (LAST, *(one.id for one in _kept().all())) if name.startswith(incomplete)]
        return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


argument: Option = click.argument("session", type=Result())


def _kept() -> Sessions:
    return Sessions.below(settings().data)


def latest() -> Session:
    """The last result on this machine that can be corrected and is still there. Raises UnknownSession."""
    for session in _kept().all():
        if Path(session.manifest).is_file():
            return session
    raise UnknownSession("There is no last result that can be corrected.", "Make one: dap-bridge separate CLIP")


def named(text: str) -> str:
    """What a request calls the result that a person means: the name of a session, or an absolute path.

    Raises UnknownSession, BadRequest.
    """
    if text == LAST:
        return latest().id
    path = Path(text)
    if text and path.is_dir() and not (path / results.MANIFEST).is_file():
        raise UnknownSession(f"The folder {text} holds no result: there is no {results.MANIFEST} in it.")
    if text and os.path.lexists(path):
        return str(path.absolute())
    if re.fullmatch(JOB_NAME, text):
        return text
    raise BadRequest(
        f"{text[:80]!r} is no folder that is there, no manifest, and no session.", UnknownSession.default_hint
    )


def name_of(session: str) -> str:
    """The name by itself of what a request calls a session. Raises UnknownSession."""
    if not Path(session).is_absolute():
        return session
    try:
        return results.read(Path(session)).session
    except NoResultError as error:
        raise UnknownSession(f"{error}.") from error


def folder_for(session: str) -> Path:
    """Where a correction of a result goes, as a request names it: beside that result, or, where it lies in a folder of
    the daemon's, beside its clip. Raises UnknownSession.
    """
    if Path(session).is_absolute():
        return results.manifest_of(Path(session)).parent
    known = _kept().get(session)
    place = Path(known.manifest).parent
    return beside(Path(known.clip.files[0])) if place.is_relative_to(settings().data) else place


def can_be_corrected(session: str) -> bool:
    try:
        _kept().get(session)
    except UnknownSession:
        return False
    return True


def here() -> list[dict[str, Any]]:
    """What `about` says of every session, the latest first."""
    kept = _kept()
    return [session.about(kept.has_learned(session)) for session in kept.all()]


def show(found: list[dict[str, Any]], as_json: bool) -> None:
    """A table of sessions, each as `Session.about` has it, with what its manifest tells."""
    told = [one | _told(Path(one["manifest"])) for one in found]
    if as_json or not told:
        console.answer({"sessions": told}, as_json, "No sessions.")
        return
    table = console.table("date", "clip", "length", "preset", "boxes", "folder", "session")
    for one in told:
        length = "" if one["length_s"] is None else times.show(one["length_s"])
        learned = "" if one["stored"] else " (what was learned is gone)"
        folder = str(Path(one["manifest"]).parent) if one["date"] else "gone"
        clip, boxes = Path(one["clip"]).name, one["boxes"]
        table.add_row(*console.row(one["date"], clip, length, one["preset"], boxes, folder + learned, one["session"]))
    console.show(table)
    click.echo("To go on from one: dap-bridge edit SESSION, or refine, undo, choose; the first is `last`.")


def _told(manifest: Path) -> dict[str, Any]:
    """Of a manifest: when it was written, the clip's length in seconds, and the preset; nothing where it is gone."""
    try:
        made, about = manifest.stat().st_mtime, results.read(manifest)
    except (OSError, NoResultError):
        return {"date": "", "length_s": None, "preset": ""}
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(made))
    return {"date": date, "length_s": round(about.frames / about.rate, 3), "preset": about.preset}
