"""Presets cut to a few steps, every stage of them: what a test of anything but the sound can afford."""

from __future__ import annotations

import tomllib
from pathlib import Path

import tomli_w

from dap_bridge import assets


def write(folder: Path) -> None:
    """`quick`, and by their methods `quick-dnp`, `-texture`, `-coseparate`, `-denoise` and `-adopt` into a folder."""
    table = tomllib.loads((assets.folder("presets") / "default.toml").read_text(encoding="utf-8"))
    table["title"] = "Quick"
    table["pool"] = [{**table["pool"][0], "runs": 1, "components": 6, "updates": 10}]
    table["grouping"]["restarts"] = 1
    table["grouping"]["iterations"] = 10
    table["models"] |= {"runs": 1, "components": 3, "alone": 3, "together": 5}
    table["counting"]["told_from"] = 1.0  # what six components say of the number of sounds is nothing to tell
    table["caution"]["told_below"] = 0.0  # nor is what they say of their grouping
    table["alternatives"]["offered_below"] = 0.0  # nor a reason for other answers
    table["refinement"]["iterations"] = table["boxes"]["iterations"] = 10
    (folder / "quick.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    table = tomllib.loads((assets.folder("presets") / "dnp.toml").read_text(encoding="utf-8"))
    table["title"] = "Quick Deep Network Prior"
    table["chunk"] = {"seconds": 0.6, "overlap_s": 0.05}
    table["network"] |= {"filters": 2, "levels": 4}
    table["fit"] |= {"iterations": 8}
    table["fluctuations"] |= {"first": 3}
    (folder / "quick-dnp.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    table = tomllib.loads((assets.folder("presets") / "texture.toml").read_text(encoding="utf-8"))
    table["title"] = "Quick texture"
    table["chunk"] = {"seconds": 0.6, "overlap_s": 0.05}
    table["fit"]["iterations"] = table["phase"]["iterations"] = 8
    table["matching"] |= {"rounds": 1, "iterations": 5}
    (folder / "quick-texture.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    table = tomllib.loads((assets.folder("presets") / "coseparate.toml").read_text(encoding="utf-8"))
    table["refinement"]["iterations"] = 3
    (folder / "quick-coseparate.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    table = tomllib.loads((assets.folder("presets") / "denoise.toml").read_text(encoding="utf-8"))
    table["separation"] = "quick"
    table["vocabulary"] |= {"components": 6, "updates": 5}
    table["profile"] |= {"noise": 6, "speech": 4, "runs": 1, "learning": 5, "updates": 5}
    (folder / "quick-denoise.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    table = tomllib.loads((assets.folder("presets") / "adopt.toml").read_text(encoding="utf-8"))
    table["separation"] = "quick"
    (folder / "quick-adopt.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
