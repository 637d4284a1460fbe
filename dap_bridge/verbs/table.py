"""The table of the verbs that make jobs. Adding one adds a folder beside this file, and its name here.

A room called `gain` has a class `Gain` in request.py, a function `gain` in job.py and `COMMAND` in command.py; each is
loaded when it is asked for, so that whoever only passes requests on never loads what computes. One with numbers of its
own, which are no method's of the engine, has a class `GainRecipe` in recipe.py: presets of the method `gain` fill it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..domain import Lane

if TYPE_CHECKING:
    from ..engine.recipe import Section
    from ..jobs.run import JobRun
    from .command import Command
    from .request import JobVerb

# In the order of docs/protocol.md and of `dap-bridge --help`.
VERBS = ("separate", "coseparate", "denoise", "refine", "undo", "choose", "texture", "adopt")


def request(verb: str) -> type[JobVerb]:
    """What may be asked: the verb's fields, their limits and what they mean."""
    found: type[JobVerb] = _part(verb, "request", verb.capitalize())
    return found


def job(verb: str) -> Callable[[JobRun, Path], Path]:
    """What does it: job(run, results) returns the path of the manifest; `results`: where a job goes that names no
    folder of its own.
    """
    found: Callable[[JobRun, Path], Path] = _part(verb, "job", verb)
    return found


def command(verb: str) -> Command:
    """How it is typed."""
    found: Command = _part(verb, "command", "COMMAND")
    return found


def lane(verb: str) -> Lane:
    """The line that its jobs stand in. Of a verb that another version knew: the one of all that nobody waits for."""
    return request(verb).lane if verb in VERBS else Lane.BATCH


def recipes() -> dict[str, type[Section]]:
    """What rooms bring themselves, by the name of the verb."""
    own = [verb for verb in VERBS if find_spec(f"{__package__}.{verb}.recipe")]
    return {verb: _part(verb, "recipe", f"{verb.capitalize()}Recipe") for verb in own}


def _part(verb: str, module: str, name: str) -> Any:
    return getattr(import_module(f"{__package__}.{verb}.{module}"), name)
