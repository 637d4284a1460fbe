"""A separator that the user has installed, as a preset of the user's own names it: a command line, its stems."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.methods.adoption.recipe import AdoptionRecipe

CLIP, OUT = "{clip}", "{out}"


@dataclass(frozen=True)
class CommandRecipe(AdoptionRecipe):
    """What runs a separator of the user's, whose stems are adopted."""

    command: tuple[str, ...]  # the program and its arguments, with {clip} and {out}
    stems: str  # pattern of the files that are its stems, in {out}
    limit_s: float  # seconds, after which it is ended
    rate: int | None = None  # Hz that it works at, to which the clip is brought; None: its stems have the clip's

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.command or not all(any(place in part for part in self.command[1:]) for place in (CLIP, OUT)):
            raise ValueError(f"command: a program and its arguments, with {CLIP} and {OUT} among these")
        if self.limit_s <= 0:
            raise ValueError("limit_s is above 0")


# The recipes of presets that run a program.
COMMANDS: tuple[type[CommandRecipe], ...] = (CommandRecipe,)
