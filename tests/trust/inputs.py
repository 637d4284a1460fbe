"""Files that are not what they say: audio headers of ten formats, and presets, each tried in a process that may die."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import numpy as np
import soundfile

from dap_bridge import assets, presets
from dap_bridge.audio.files import ClipReader
from dap_bridge.domain import ClipRef
from dap_bridge.verbs.separate.request import Separate
from tests.trust import mutations, pooled, unguarded
from tests.trust.harness import Lab, Tally

AUDIO = 10_000
PRESETS = 1500
RATE, FRAMES = 24_000, 6000
BLOCK = 4096
# No codec has more frames than this in a byte, of silence neither: a length beyond is the header's invention.
DENSEST = 1 << 14
# Of the trials; the others find no program on the path.
WITH_PROGRAMS = 0.03
BELIEVED = "absurd length believed"
# name -> suffix, format and subtype, for soundfile; the marks behind which its numbers stand.
FORMATS: dict[str, tuple[str, str, str, list[bytes]]] = {
    "wav": ("wav", "WAV", "PCM_16", [b"RIFF", b"fmt ", b"data", b"LIST"]),
    "rf64": ("rf64", "RF64", "PCM_24", [b"RF64", b"ds64", b"fmt ", b"data"]),
    "w64": ("w64", "W64", "FLOAT", [b"riff", b"fmt ", b"data"]),
    "aiff": ("aiff", "AIFF", "PCM_16", [b"FORM", b"COMM", b"SSND"]),
    "caf": ("caf", "CAF", "ALAC_16", [b"caff", b"desc", b"pakt", b"data", b"kuki"]),
    "au": ("au", "AU", "PCM_16", [b".snd"]),
    "flac": ("flac", "FLAC", "PCM_16", [b"fLaC"]),
    "vorbis": ("ogg", "OGG", "VORBIS", [b"OggS", b"\x01vorbis", b"\x03vorbis", b"\x05vorbis"]),
    "opus": ("opus", "OGG", "OPUS", [b"OggS", b"OpusHead", b"OpusTags"]),
    "mp3": ("mp3", "MP3", "MPEG_LAYER_III", [b"\xff\xfb", b"\xff\xf3", b"Xing", b"Info", b"LAME"]),
}


def check_audio(lab: Lab, tally: Tally) -> None:
    tally.watch(BELIEVED)
    environment = lab.environment(lab.home("home"))
    pooled.run(tally, "tests.trust.inputs:audio", lab.folder / "guarded", lab.seed, lab.times(AUDIO), environment)
    without = Tally()
    pooled.run(
        without,
        "tests.trust.inputs:unguarded_audio",
        lab.folder / "without",
        lab.seed,
        lab.times(AUDIO // 10),
        environment,
    )
    shown = ", ".join(f"{name} {count}" for name, count in without.wrong.items() if count) or "nothing"
    tally.figures = f"{len(FORMATS)} formats; guard away: {shown} of {without.tried}"


def check_presets(lab: Lab, tally: Tally) -> None:
    environment = lab.environment(lab.home("home"))
    pooled.run(tally, "tests.trust.inputs:preset", lab.folder, lab.seed, lab.times(PRESETS), environment)


def audio(folder: Path) -> pooled.Trial:
    """Opens a file whose header is wrong, and reads its first and last block."""
    sound = 0.3 * np.random.default_rng(0).standard_normal((FRAMES, 2))
    good = {}
    for name, (suffix, kind, subtype, _) in FORMATS.items():
        path = folder / f"good.{suffix}"
        soundfile.write(path, sound, RATE, format=kind, subtype=subtype)
        good[name] = path.read_bytes()

    everywhere = os.environ["PATH"]

    def trial(dice: random.Random) -> None:
        # A program that decodes what libsndfile refuses takes as long to start as hundreds of refusals.
        os.environ["PATH"] = everywhere if dice.random() < WITH_PROGRAMS else ""
        name, other = dice.choice(list(FORMATS)), dice.choice(list(FORMATS))
        # What a file is called is a claim as well.
        path = folder / f"clip.{FORMATS[name if dice.random() < 0.9 else other][0]}"
        path.write_bytes(mutations.broken(dice, good[name], good[other], FORMATS[name][3]))
        clip = ClipRef.from_request(Separate(clip=str(path)).request())
        with ClipReader(clip) as reader:
            if reader.frames > DENSEST * path.stat().st_size:
                raise pooled.Seen(BELIEVED, f"{reader.frames} frames in {path.stat().st_size} bytes of {path.suffix}")
            block = min(BLOCK, reader.frames)
            reader.read(0, block)
            reader.read(reader.frames - block, block)

    return trial


def unguarded_audio(folder: Path) -> pooled.Trial:
    """The same with every header believed."""
    unguarded.headers()
    return audio(folder)


# In the place of a preset's values.
TOML_VALUES = ["-1", "0", "1e400", "nan", "-inf", "99999999999999999999", '""', '"default"', "[]", "{}", "true"]
TOML_VALUES += [
    "1979-05-27",
    "[[[]]]",
    "[" * 3000 + "]" * 3000,
    "9" * 5000,
    "{a={a={a={}}}}",
    "[1, 'a', {}]",
    '"\\u0000"',
]
TOML_LINES = [
    'base = "mutant"',
    'base = "draft"',
    'base = "../default"',
    "base = 1",
    'without = ["pool", 3]',
    "without = 1",
]
TOML_LINES += [
    "[chunk]",
    "[[pool]]",
    "[[chunk]]",
    "a" + ".a" * 3000 + " = 1",
    '"" = ""',
    'method = "paper"',
    "method = []",
]
TOML_LINES += ["[" + "a." * 2000 + "a]"]


def preset(folder: Path) -> pooled.Trial:
    """Loads a preset in which some lines are wrong."""
    path = presets.folders()[0] / f"mutant-{folder.name}.toml"
    good = [preset.read_bytes() for preset in sorted(assets.folder("presets").glob("*.toml"))]

    def trial(dice: random.Random) -> None:
        content = dice.choice(good)
        if dice.random() < 0.3:
            content = mutations.broken(dice, content, dice.choice(good))
        else:
            content = _wrong_lines(dice, content.decode()).encode()
        path.write_bytes(content)
        presets.load(path.stem)

    return trial


def _wrong_lines(dice: random.Random, text: str) -> str:
    """A line or some without, twice, of another key, or with another value."""
    lines = text.splitlines()
    for _ in range(dice.randint(1, 3)):
        number = dice.randrange(len(lines))
        match dice.randrange(5):
            case 0:
                del lines[number]
            case 1:
                lines.insert(number, dice.choice(lines))
            case 2:
                lines[number] = re.sub(r"^\w+", "other", lines[number])
            case 3:
                lines[number] = re.sub(r"= .*", lambda _: f"= {dice.choice(TOML_VALUES)}", lines[number])
            case 4:
                lines.insert(number, dice.choice(TOML_LINES))
    return "\n".join(lines)
