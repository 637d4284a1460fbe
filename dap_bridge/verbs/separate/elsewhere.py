"""A clip separated by a program of the user's, whose stems are adopted."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import soundfile

from ... import leash, presets
from ...audio.files import ClipReader
from ...audio.rates import CommonRate
from ...audio.stems import BLOCK_FRAMES
from ...domain import ClipRef
from ...errors import BadClip, BadPreset, ClipUnreadable, SeparatorFailed
from ...jobs.run import JobRun
from ...names import file_name
from ..adopt.adoption import adopted
from ..adopt.given import Given
from ..adopt.job import told_apart
from ..adopt.request import MOST_STEMS
from ..external import CLIP, OUT, CommandRecipe
from ..reader import JobClipReader

POLL_S = 0.1
# How long what is ended by force may take to be gone.
GONE_S = 10.0
# Of what the program said last, so many characters.
SAID_CHARACTERS = 300

CommandPreset = presets.Preset[CommandRecipe]


def separate_elsewhere(run: JobRun, results: Path, preset: CommandPreset) -> Path:
    """Returns the path of the manifest. Raises SeparatorFailed where the program gives nothing that can be adopted."""
    request, recipe = run.job.request, preset.recipe
    _require_plain(request, preset.name)
    with (
        JobClipReader(ClipRef.from_request(request), run) as reader,
        tempfile.TemporaryDirectory(prefix="dap-bridge-") as folder,
        ExitStack() as stack,
    ):
        label = request["label"] or Path(reader.inputs[0]["path"]).stem
        clip, out = Path(folder) / f"{file_name(label)}.wav", Path(folder) / "stems"
        out.mkdir()
        _write(reader, recipe.rate or reader.rate, clip)
        _run(run, recipe, clip, out)
        files = sorted(path for path in out.glob(recipe.stems) if path.is_file())
        name = _program(recipe)
        if not 0 < len(files) <= MOST_STEMS:
            found = f"{len(files)} files, more than the {MOST_STEMS} that are adopted," if files else "nothing"
            raise SeparatorFailed(f"{name} wrote {found} by the name of {recipe.stems!r}.")
        titles = told_apart([f"{label} - {_title(path, clip)}" for path in files])
        try:
            given = []
            for title, path in zip(titles, files, strict=True):
                stem = stack.enter_context(JobClipReader(ClipRef.of(str(path)), run))
                if recipe.rate is None and stem.rate != reader.rate:
                    raise BadClip(f"{path.name} is at {stem.rate} Hz, and the clip at {reader.rate} Hz.")
                given.append(Given.of(title, stem, reader, 0, reader.frames))
            return adopted(run, results, reader, given, preset)
        except (BadClip, ClipUnreadable) as error:
            hint = "Look at the preset's `command`, `stems` and `rate`."
            raise SeparatorFailed(f"What {name} wrote cannot be adopted: {error.message}", hint) from error


def _require_plain(request: Mapping[str, Any], name: str) -> None:
    """Raises BadPreset where more is asked for than a program is told."""
    if any(request.get(field) for field in ("like", "only", "silent")):
        raise BadPreset(f"The preset {name!r} goes by no examples and no spans.", "Correct its stems by boxes.")
    if request.get("residual") or request.get("alternatives") not in (None, "auto", "1"):
        raise BadPreset(f"The preset {name!r} has one answer only.", "Separate with another preset.")


def _program(recipe: CommandRecipe) -> str:
    return Path(recipe.command[0]).name


def _title(path: Path, clip: Path) -> str:
    """What a program calls a stem, which may begin with the clip's name."""
    return path.stem.removeprefix(clip.stem).strip(" _-") or path.stem


def _write(reader: ClipReader, rate: int, path: Path) -> None:
    """The clip as a WAV file of 32-bit floats."""
    source = CommonRate(reader, rate)
    frames = round(reader.frames * rate / reader.rate)
    with soundfile.SoundFile(path, "w", rate, reader.channels, "FLOAT") as file:
        for start in range(0, frames, BLOCK_FRAMES):
            file.write(source.read(start, min(BLOCK_FRAMES, frames - start)).T)


def _run(run: JobRun, recipe: CommandRecipe, clip: Path, out: Path) -> None:
    """Run the program to its end. It is ended, with all that it started, where it takes too long, where the user wants
    the job to stop, and where this process is ended.
    """
    name = _program(recipe)
    program = shutil.which(recipe.command[0])
    if program is None:
        raise SeparatorFailed(f"There is no program {recipe.command[0]!r}.", "Install it, or give its whole path.")
    places = {CLIP: str(clip), OUT: str(out)}
    arguments = [re.sub("|".join(map(re.escape, places)), lambda at: places[at[0]], one) for one in recipe.command[1:]]
    said = out.with_name("said.txt")
    with said.open("wb") as errors:
        held = subprocess.Popen(
            [sys.executable, leash.__file__, program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=out,
        )
    deadline = time.monotonic() + recipe.limit_s
    try:
        while held.poll() is None:
            run.waiting(f"separating by {name}")
            if time.monotonic() > deadline:
                raise SeparatorFailed(
                    f"{name} was not done after {recipe.limit_s:g} s, and was ended.",
                    "Raise `limit_s` in the preset, or choose a shorter stretch.",
                )
            time.sleep(POLL_S)
    finally:
        assert held.stdin is not None
        held.stdin.close()  # lets go of it
        held.wait(GONE_S)
    if held.returncode:
        raise SeparatorFailed(f"{name} ended with code {held.returncode}{_last_words(said)}.")


def _last_words(said: Path) -> str:
    lines = [line.strip() for line in re.split(r"[\r\n]+", said.read_text(encoding="utf-8", errors="replace"))]
    last = next((line for line in reversed(lines) if line), "")
    return f": {last[-SAID_CHARACTERS:].rstrip('.')}" if last else ""
