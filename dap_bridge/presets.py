"""Presets: TOML files that hold every number of an algorithm, checked before anything runs.

A preset may name another as its `base` and hold only what differs; `without` names the base's tables that it lacks. As
its `silence` it may name another that has such a table, too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tomllib
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import platformdirs
from pydantic import TypeAdapter, ValidationError

from . import assets, config
from .engine.methods import DENOISERS, RECIPES, SEPARATORS
from .engine.recipe import Section
from .errors import BadPreset
from .messages import breach
from .verbs import table
from .verbs.external import COMMANDS, CommandRecipe

# The method of presets that run a program of the user's.
COMMAND = "command"


@dataclass(frozen=True)
class Chunking(Section):
    """How a long clip is cut: pieces of at most `seconds`, cross-faded over `overlap_s`."""

    seconds: float
    overlap_s: float


@dataclass(frozen=True)
class Silence(Section):
    """What is no signal, and is left out of all that is learned or told over time: padding, dither, edited gaps."""

    below_db: float  # under the clip's level, the mean over its blocks
    emphasis: float  # each weighed by its own power to this exponent: 0 the plain mean, 1 what is loud alone
    block_s: float  # seconds
    least_s: float  # seconds: shorter silence is part of the sound
    rise: float  # times the highest sample of a block of silence: what rises above it ends it, to the sample

    def __post_init__(self) -> None:
        if not 0 < 3 * self.block_s <= self.least_s:
            raise ValueError("silence: block_s is above 0, and least_s three times as long or longer")


@dataclass(frozen=True)
class About:
    """What every preset says of itself, and what is not the engine's business."""

    title: str
    description: str
    method: str  # which recipe the rest of the file is, see engine.methods.RECIPES
    chunk: Chunking
    silence: Silence | None = None  # in a file also the name of a preset that has it; None: everything is signal
    postprocess: tuple[dict[str, Any], ...] = ()


R = TypeVar("R", bound=Section, covariant=True)


@dataclass(frozen=True)
class Preset(Generic[R]):
    """One preset, whole: `recipe` is what the engine gets."""

    name: str
    about: About
    recipe: R


def folders() -> list[Path]:
    """Where presets are looked for; a user's preset hides the shipped one of the same name."""
    own = config.load().presets_dir
    return [*([own] if own else []), platformdirs.user_config_path(config.APP) / "presets", assets.folder("presets")]


def names() -> list[str]:
    return sorted({path.stem for folder in folders() if folder.is_dir() for path in folder.glob("*.toml")})


def digests() -> dict[str, str]:
    """SHA-256 of each preset's file, by its name."""
    paths = {path.stem: path for folder in reversed(folders()) if folder.is_dir() for path in folder.glob("*.toml")}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}


def load(name: str) -> Preset[Section]:
    """The preset called `name`. Raises BadPreset that says which file, which key and what is allowed there."""
    return read(_find(name))


def _find(name: str) -> Path:
    for folder in folders():
        path = folder / f"{name}.toml"
        if path.is_file():
            return path
    raise BadPreset(f"There is no preset {name!r}.", f"Presets: {', '.join(names())}.")


def load_one_of(name: str, *kinds: type[R]) -> Preset[R]:
    """The preset called `name`, for a verb that can use recipes of these kinds. Raises BadPreset."""
    preset = load(name)
    if isinstance(preset.recipe, kinds):
        return Preset(preset.name, preset.about, preset.recipe)
    methods = " or ".join(f'"{method}"' for method, kind in _methods().items() if kind in kinds)
    raise BadPreset(
        f"The preset {name!r} is of the method {preset.about.method!r}, which does something else.",
        f"Choose one of the method {methods}: `dap-bridge presets` says what each is for.",
    )


def offered(verb: str) -> list[dict[str, str]]:
    """What a list says of every preset that a verb can use: the usual one first, and what cannot be read left out."""
    usual = table.request(verb).model_fields["preset"].default
    first = load(usual)
    several = ((*SEPARATORS, *COMMANDS), DENOISERS)
    kinds = next((some for some in several if isinstance(first.recipe, some)), type(first.recipe))
    found = []
    for name in sorted(names(), key=lambda one: one != usual):
        with contextlib.suppress(BadPreset):
            preset = load(name)
            if isinstance(preset.recipe, kinds):
                found.append({"name": name, "title": preset.about.title, "description": preset.about.description})
    return found


def read(path: Path) -> Preset[Section]:
    """A preset from its file."""
    table, files = _whole(path, ())
    own = {key: table.pop(key) for key in About.__dataclass_fields__ if key in table}
    if isinstance(own.get("silence"), str):
        own["silence"] = _silence_of(path, own["silence"])
    about: About = _check(path, About, own)
    if about.method == COMMAND:
        _require_own(files)
    kind = _methods().get(about.method)
    if kind is None:
        raise BadPreset(f"{path}: method: there is no {about.method!r}.", f"Methods: {', '.join(_methods())}.")
    recipe: Section = _check(path, kind, table | _borrowed(kind, table))
    return Preset(path.stem, about, recipe)


def _require_own(files: tuple[Path, ...]) -> None:
    """A program is run because the user has said so, and nobody else: in a folder of the user's, in a file that nobody
    else may write to, nor to those that it is based on. Raises BadPreset.
    """
    path = files[0]
    *own, shipped = folders()
    if path.parent not in own:
        raise BadPreset(
            f"{path}: method: a program is run by presets of your own folder alone.", f"Move it to {own[0]}."
        )
    if os.name == "posix":
        users = [file for file in files if file.parent != shipped]
        for place in (*users, *(file.parent for file in users)):
            about = place.stat()
            if about.st_uid not in (os.getuid(), 0) or about.st_mode & stat.S_IWOTH:
                raise BadPreset(
                    f"{path}: method: others may write to {place}, and a preset that runs a program is yours alone.",
                    f"Run: chmod o-w '{place}'",
                )


@cache
def _methods() -> dict[str, type[Section]]:
    """What presets call their methods: those of the engine, and those that verbs bring themselves."""
    return {**RECIPES, **table.recipes(), COMMAND: CommandRecipe}


def _whole(path: Path, users: tuple[Path, ...]) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """What a file says, its base included, and the files that say it, its own first; users: those whose base it is.

    Raises BadPreset.
    """
    try:
        table = dict(_parsed(path.read_text(encoding="utf-8")))
    # ValueError: no TOML, no UTF-8, a number too long to be one; RecursionError: nested without end.
    except (ValueError, RecursionError, OSError) as error:
        raise BadPreset(f"{path} cannot be read: {error}.") from error
    base = table.pop("base", None)
    if base is None:
        return table, (path,)
    without = table.pop("without", [])
    if not (isinstance(without, list) and all(isinstance(key, str) for key in without)):
        raise BadPreset(f"{path}: without: it is a list of names, not {without!r}.")
    found = _find(str(base))
    if found in (path, *users):
        raise BadPreset(f"{path}: base: {base!r} is based on this file itself.", "Base it on another preset.")
    below, files = _whole(found, (path, *users))
    unknown = [key for key in without if key not in below]
    if unknown:
        raise BadPreset(f"{path}: without: {base!r} has no {unknown[0]!r}.", f"It has {', '.join(below)}.")
    return _merged({key: below[key] for key in below if key not in without}, table), (path, *files)


@lru_cache(maxsize=32)
def _parsed(text: str) -> dict[str, Any]:
    """What a text says, not to be changed: of all that loading a preset takes, most is parsing it."""
    return tomllib.loads(text)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Tables within tables are merged; any other value, and a list of tables whole, takes the other's place."""
    both = below | above
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            both[key] = _merged(below[key], above[key])
    return both


def _silence_of(path: Path, name: str) -> dict[str, Any] | None:
    """The table of another preset, None where that has none. Raises BadPreset."""
    table = _whole(_find(name), ())[0].get("silence")
    if isinstance(table, str):
        raise BadPreset(f"{path}: silence: {name!r} has it from {table!r} itself.", f"Name {table!r} here, too.")
    return table


def _borrowed(kind: type, table: dict[str, Any]) -> dict[str, Section]:
    """The recipes within a recipe that the file leaves to other presets, by their names. Raises BadPreset."""
    methods = {recipe.__name__: recipe for recipe in _methods().values()}
    within = {field.name: methods[str(field.type)] for field in fields(kind) if str(field.type) in methods}
    return {key: load_one_of(table[key], within[key]).recipe for key in within if isinstance(table.get(key), str)}


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _check(path: Path, kind: type, table: dict[str, Any]) -> Any:
    try:
        return _adapter(kind).validate_python(table)
    except ValidationError as error:
        hint = "Compare with the presets that ship with dap-bridge."
        raise BadPreset(f"{path}: {breach(error, counted=True)[2]}.", hint) from error
    except (TypeError, ValueError) as error:
        raise BadPreset(f"{path}: {error}") from error
