"""Where a session is found, and where its clip lies: by name or manifest, in place or moved."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from ... import presets
from ...audio.files import ClipReader
from ...domain import JOB_NAME, Box, ClipRef, Format, Manifest
from ...engine.methods import ADOPTERS
from ...errors import BadClip, BadPreset, BadRequest, ClipUnreadable, DapError, UnknownSession
from ...jobs import results
from ...jobs.results import NoResultError
from ...jobs.run import JobRun
from ...jobs.sessions import Session, Sessions, stamp
from ..reader import JobClipReader
from ..separate.job import fingerprint
from ..separate.known import as_request
from ..separate.masked import SeparationPreset

# By which way to its clip a manifest is believed first: its folder may have been moved with all that belongs to it.
PLACES: tuple[results.By, ...] = ("relative", "path")
# Whose results are sessions.
CORRECTED = ("separate", "adopt", "denoise", "refine", "undo", "choose")


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
    """As `find`, by a manifest or its folder, which may have been moved with all that belongs to it."""
    try:
        manifest = results.read(path)
    except NoResultError as error:
        raise UnknownSession(f"{error}.") from error
    path = results.manifest_of(path)
    if manifest.verb not in CORRECTED:
        raise UnknownSession(f"{path} tells of {manifest.verb!r}, which cannot be corrected.")
    clips = [(by, results.clip(path, manifest, by)) for by in PLACES]
    stated = [_of_manifest(path, manifest, clip, by) for by, clip in clips if clip is not None]
    if not stated:
        raise UnknownSession(f"{path} does not say where its clip lies.")
    if sessions is not None:
        with contextlib.suppress(UnknownSession):
            known = sessions.get(stated[0].id)
            if Path(known.manifest) == path:
                return [known]
            if _is_of(known, stated[-1]):
                return [known.moved(path), known]
    return stated


def _is_of(known: Session, stated: Session) -> bool:
    """Whether a session that is known by the same name is the one that a manifest tells of."""
    keys = ("seed", "preset", "sources", "start")
    same = (known.clip.files, known.boxes, known.alternative) == (stated.clip.files, stated.boxes, stated.alternative)
    return same and all(known.request.get(key) == stated.request.get(key) for key in keys)


def _of_manifest(path: Path, manifest: Manifest, clip: ClipRef, by: results.By) -> Session:
    """What a manifest alone says of its session: all but what was learned."""
    sources = sum(stem.role == "source" for stem in manifest.stems)
    if not sources or _is_adopted(manifest):
        return _of_stems(path, manifest, clip)
    made = {"sources": sources, "preset": manifest.preset, "seed": manifest.seed, "format": Format(manifest.format)}
    request = clip.as_request() | made | {"residual": sources < len(manifest.stems)}
    request |= as_request(results.examples(path, manifest, by))
    label = manifest.stems[0].name.removesuffix(" - stem 1")
    titles = {stem.index: stem.name for stem in manifest.stems if stem.name != f"{label} - stem {stem.index}"}
    carry = manifest.carry is not False
    return Session(
        manifest.session,
        request,
        "",
        label,
        str(path),
        boxes=manifest.boxes,
        carry=carry,
        alternative=manifest.alternative,
        answers=tuple(one.what for one in manifest.alternatives),
        titles=titles,
    )


def _is_adopted(manifest: Manifest) -> bool:
    """Whether its stems, or those that it corrects, were made by something else."""
    with contextlib.suppress(BadPreset):
        return isinstance(presets.load(manifest.preset).recipe, ADOPTERS)
    return False


def _of_stems(path: Path, manifest: Manifest, clip: ClipRef) -> Session:
    """The same of a denoising, or of stems that something else made: they are all that is needed. Raises UnknownSession
    of what corrects one.
    """
    if manifest.parent is not None:
        raise UnknownSession(f"{path} corrects a result that is not known here.", "Correct that one anew.")
    if manifest.correctable is False:
        raise UnknownSession(f"The stems of {path} are not all that there was: no box can correct them.")
    written = {str(stem): stamp(stem) for stem in results.stems(path, manifest) if stem.is_file()}
    request = clip.as_request() | {"preset": manifest.preset, "seed": manifest.seed, "format": Format(manifest.format)}
    label = manifest.stems[0].name.rpartition(" - ")[0] or manifest.stems[0].name
    separated = written if len(written) == len(manifest.stems) else {}
    adopted = manifest.verb != "denoise"
    titles = {stem.index: stem.name for stem in manifest.stems} if adopted else {}
    verb = "adopt" if adopted else "denoise"
    return Session(manifest.session, request, "", label, str(path), separated=separated, titles=titles, verb=verb)


def open_clip(
    run: JobRun, stack: contextlib.ExitStack, places: Sequence[Session], preset: SeparationPreset
) -> tuple[ClipReader, Session]:
    """The clip, and the session with it in its place: where it is the one that was separated, else where there is one.

    Raises ClipUnreadable or BadClip.
    """
    found: list[tuple[ClipReader, Session]] = []
    refused: list[DapError] = []
    for place in places:
        try:
            reader = stack.enter_context(JobClipReader(ClipRef.from_request(place.request), run))
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


def require_inside(boxes: Sequence[Box], reader: ClipReader, sources: int) -> None:
    for number, box in enumerate(boxes, 1):
        try:
            box.require_inside(reader.frames / reader.rate, reader.rate, sources)
        except ValueError as error:
            raise BadRequest(f"Box {number}: {error}.") from error
