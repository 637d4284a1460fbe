"""Which clips a person means by names, folders and patterns, and the folder beside a clip that its results go to."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from ..errors import BadRequest
from ..jobs import results
from ..verbs.command import Option

argument: Option = click.argument("names", metavar="CLIP…", type=click.Path(), nargs=-1, required=True)
recursive_option = click.option("--recursive", "-r", is_flag=True, help="In folders that are named, also those below.")

# What a folder is looked through for, after docs/files.md; whoever names a file has it read whatever its ending.
_AUDIO = re.compile(
    r"[^.].*\.(wave?|rf64|bwf|w64|aif[fc]?|caf|au|snd|flac|mp[234]|og[ga]|opus|voc|m4a|aac|wv|wma|ape|tta|ac3|mov|mkv|webm|avi)",
    re.IGNORECASE,
)
NOT_SEEN = "--recursive looks into the folders below, too; a file that is named itself is read whatever its ending."


def find(names: Sequence[str], recursive: bool) -> tuple[list[Path], bool]:
    """The clips that are meant, by absolute paths; and whether they were named as several: by more than one
    name, a folder or a pattern. What is named by itself need not be there. Raises BadRequest where nothing is meant.
    """
    found: list[Path] = []
    several = len(names) > 1
    for name in names:
        if not name:
            raise BadRequest("The name of a clip is empty.", "Name a file, a folder or a pattern.")
        path = Path(name)
        if path.is_dir():
            meant, missing = _inside(path, recursive), f"The folder {name} holds no audio file."
        elif glob.has_magic(name) and not os.path.lexists(path):
            meant, missing = _matching(name), f"There is no audio file like {name}."
        else:
            found.append(path.absolute())
            continue
        several, clips = True, sorted(meant)
        if not clips:
            raise BadRequest(missing, NOT_SEEN)
        found += [clip.absolute() for clip in clips]
    return found, several


def _inside(folder: Path, recursive: bool) -> Iterator[Path]:
    """The audio in a folder; not what lies in results below it."""
    for place, below, names in os.walk(folder):
        kept = [name for name in below if recursive and not name.startswith(".")]
        below[:] = [name for name in kept if not (Path(place, name, results.MANIFEST)).is_file()]
        yield from filter(_is_audio, (Path(place, name) for name in names))


def _matching(pattern: str) -> Iterator[Path]:
    """The audio that a pattern stands for; where it leads into any folder, not what lies in results."""
    for name in glob.iglob(pattern, recursive=True):  # noqa: PTH207 - which takes no pattern from the root on
        path = Path(name)
        if _is_audio(path) and path.is_file() and not ("**" in pattern and _in_result(path)):
            yield path


def _is_audio(path: Path) -> bool:
    return _AUDIO.fullmatch(path.name) is not None


def _in_result(path: Path) -> bool:
    return any((folder / results.MANIFEST).is_file() for folder in list(path.parents)[:2])


def beside(clip: Path) -> Path:
    """The folder for the results of a clip."""
    return clip.with_name(f"{clip.stem}-stems")


def numbered(folder: Path) -> Iterator[Path]:
    """The folder, and those that are meant instead where it is taken."""
    name = re.sub(r"(?<=-stems)-\d+$", "", folder.name)
    return itertools.chain(
        [folder.with_name(name)], (folder.with_name(f"{name}-{number}") for number in itertools.count(2))
    )


def free(folder: Path) -> Path:
    """The first of `numbered` that is not there yet."""
    return next(path for path in numbered(folder) if not os.path.lexists(path))
