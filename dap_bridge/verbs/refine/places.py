"""Where a session is found, and where its clip lies: by name or manifest, in place or moved."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...audio.files import ClipReader
from ...domain import JOB_NAME, Box, ClipRef, Format, Op
from ...errors import BadClip, BadRequest, ClipUnreadable, DapError, UnknownSession
from ...jobs.run import MANIFEST, Run
from ...jobs.sessions import Session, Sessions
from ..reader import RunReader
from ..separate.job import fingerprint
from ..separate.masked import SeparationPreset


def find(name: str, clip: str | None, sessions: Sessions | None) -> list[Session]:
    """The session of that name, or of the manifest at that path; more than once where its clip may lie in more places.

    The likeliest place is the first. `clip` names another one. Raises UnknownSession, BadRequest.
    """
    if re.fullmatch(JOB_NAME, name):
        if sessions is None:
            raise UnknownSession(f"There is no session {name!r}.")
        places = [sessions.get(name)]
    else:
        places = _at(Path(name), sessions)
    return places if clip is None else [_with_clip(places[0], Path(clip))]


def _with_clip(session: Session, clip: Path) -> Session:
    """The session with its clip at `clip`, or the files of its clip in that folder."""
    if clip.is_dir():
        return session.elsewhere(lambda path: str(clip / Path(path).name))
    count = len(session.clip.files)
    if count > 1:
        raise BadRequest(f"The clip of session {session.id} lies in {count} files.", "Name the folder that holds them.")
    return session.elsewhere(lambda _: str(clip))


def _at(path: Path, sessions: Sessions | None) -> list[Session]:
    """As `_find`, by a manifest or its folder, which may have been moved with all that belongs to it."""
    try:
        path = path / MANIFEST if path.is_dir() else path
        manifest = json.loads(path.read_text(encoding="utf-8"))
        stated = [_of_manifest(path, manifest, key) for key in ("relative", "path") if _names(manifest, key)]
    except (OSError, ValueError, RecursionError) as error:
        raise UnknownSession(f"{path} is no manifest that can be read.") from error
    if not stated:
        raise UnknownSession(f"{path} is not a manifest of this version.")
    if sessions is not None:
        with contextlib.suppress(UnknownSession):
            known = sessions.get(stated[0].id)
            if Path(known.manifest) == path:
                return [known]
            if _is_of(known, stated[-1]):
                return [known.moved(path), known]
    return stated


def _names(manifest: Any, key: str) -> bool:
    """Whether a manifest says by `key` where each of its inputs lies."""
    try:
        return all(isinstance(entry[key], str) for entry in manifest["inputs"])
    except (KeyError, TypeError):
        return False


def _is_of(known: Session, stated: Session) -> bool:
    """Whether a session that is known by the same name is the one that a manifest tells of."""
    keys = ("seed", "preset", "sources", "start")
    return (known.clip.files, known.boxes) == (stated.clip.files, stated.boxes) and all(
        known.request.get(key) == stated.request[key] for key in keys
    )


def _of_manifest(path: Path, manifest: dict[str, Any], key: str) -> Session:
    """What a manifest alone says of its session: all but the fit; `key`: where it says the clip lies.

    Raises UnknownSession.
    """
    try:
        if manifest["verb"] not in ("separate", "refine", "undo"):
            raise UnknownSession(f"{path} tells of {manifest['verb']!r}, which cannot be corrected.")
        inputs = manifest["inputs"]
        files = [one[key] if key == "path" else os.path.normpath(path.parent / one[key]) for one in inputs]
        channels = [f"{channel}:{file}" for one, file in zip(inputs, files, strict=True) for channel in one["channels"]]
        request = {
            "clip": None,
            "channel": channels,
            "start": int(inputs[0]["start"]),
            "frames": int(manifest["frames"]),
            "rate": int(manifest["rate"]),
            "sources": len(manifest["stems"]),
            "preset": str(manifest["preset"]),
            "seed": int(manifest["seed"]),
            "format": Format(manifest.get("format", Format.FLOAT32)),
        }
        boxes = tuple(Box(**{**box, "op": Op(box["op"])}) for box in manifest["boxes"])
        carry = manifest.get("carry") is not False
        label = manifest["stems"][0]["name"].removesuffix(" - stem 1")
        return Session(str(manifest["session"]), request, "", label, str(path), boxes=boxes, carry=carry)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise UnknownSession(f"{path} is not a manifest of this version.") from error


def open_clip(
    run: Run, stack: contextlib.ExitStack, places: Sequence[Session], preset: SeparationPreset
) -> tuple[ClipReader, Session]:
    """The clip, and the session with it in its place: where it is the one that was separated, else where there is one.

    Raises ClipUnreadable or BadClip.
    """
    found: list[tuple[ClipReader, Session]] = []
    refused: list[DapError] = []
    for place in places:
        try:
            reader = stack.enter_context(RunReader(ClipRef.from_request(place.request), run))
        except (ClipUnreadable, BadClip) as error:
            refused.append(error)
            continue
        if fingerprint(reader, preset) == place.source:
            return reader, place
        found.append((reader, place))
    if found:
        return found[0]
    if all(Path(file).exists() for file in places[-1].clip.files):
        raise refused[-1]
    raise ClipUnreadable(
        refused[-1].message,
        "If its folder was moved, name the manifest.json where it lies now; if the clip was, name that: --clip PATH.",
    ) from refused[-1]
