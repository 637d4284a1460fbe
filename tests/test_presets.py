"""Presets are data: every shipped one is sound, and a bad one is explained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dap_bridge import assets, presets
from dap_bridge.engine.methods.consensus.recipe import ConsensusRecipe
from dap_bridge.errors import BadPreset

SHIPPED = sorted(assets.folder("presets").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_preset_can_be_loaded(path: Path) -> None:
    preset = presets.load(path.stem)
    assert preset.name == path.stem
    assert preset.about.chunk.overlap_s < preset.about.chunk.seconds / 2


def test_the_presets_that_the_docs_name_are_there() -> None:
    assert {"default", "best", "draft", "paper", "coseparate", "denoise", "dnp"} <= set(presets.names())


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = (assets.folder("presets") / "default.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("hop =", "hopp =", "front.hop"),
        ("rate = 11000", 'rate = "fast"', "front.rate"),
        ('view = "channels"', 'view = "sideways"', "front.view"),
        ('method = "consensus"', 'method = "magic"', "method"),
        ("updates = 44", "updates = 44\nbeta = 0.0", "pool.0.beta"),
        ("[front]", "[front", "cannot be read"),
        ("seconds =", f"seconds = {'9' * 5000} #", "cannot be read"),
        ("seconds =", f"seconds = {'[' * 5000}", "cannot be read"),
        ("seconds =", "seconds_ =", "chunk.seconds"),
        ("relaxation = 1.8  # exponent", "relaxation = 2.0  # exponent", "stems.extension: relaxation"),
        ("relaxation = 1.8\n\n[[pool]]", "relaxation = 2.0\n\n[[pool]]", "pool.0: relaxation"),
        ("relaxation = 1.8\ngrowth", "relaxation = 0.0\ngrowth", "models: relaxation"),
        ("members = [1.0]", "members = []", "the first one's window is the front's"),
        ("members = [1.0]", "members = [0.5, 1.0]", "the first one's window is the front's"),
        ("members = [1.0]", "members = [1.0, 1.5]", "no other's is longer"),
        ("members = [1.0]", "members = [1.0, 0.0]", "two samples at least"),
        ("mask_exponent = 1.4", "mask_exponent = 0", "mask_exponent is above 0"),
        ("looks = [0.5, 1.0]", "looks = [0.5]", "grouping.looks"),
        ("looks = [0.5, 1.0]", "looks = [1.0, 0.5]", "grouping.looks"),
        ("frames = 1536", "frames = 0", "frames and updates are 1 at least"),
        ("updates = 30\nshare = 0.6", "updates = 30\nshare = 1.2", "share is from 0 to 1"),
        ("misfit = [0.12, 0.2]", "misfit = [0.2, 0.2]", "and the first is below the second"),
    ],
)
def test_a_bad_preset_is_explained(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(BadPreset) as caught:
        presets.read(path)
    assert str(path) in caught.value.message
    assert named in caught.value.message


def test_an_unknown_preset_is_answered_with_those_that_exist() -> None:
    with pytest.raises(BadPreset) as caught:
        presets.load("nothing")
    assert "default" in caught.value.hint


def test_a_users_preset_hides_the_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = edited(tmp_path, 'title = "', 'title = "My own: ')
    path.rename(tmp_path / "default.toml")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    assert presets.load("default").about.title.startswith("My own: ")


def test_a_preset_may_leave_its_separation_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert presets.load("denoise").recipe.separation == presets.load("default").recipe
    text = (assets.folder("presets") / "denoise.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('separation = "default"', 'separation = "paper"'), "utf-8")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    with pytest.raises(BadPreset, match="'paper' is of the method 'paper'"):
        presets.load("mine")


def test_a_preset_may_have_its_silence_from_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    (tmp_path / "further.toml").write_text('base = "texture"\n[silence]\nbelow_db = 30.0\nemphasis = 0.3\n', "utf-8")
    (tmp_path / "mine.toml").write_text('base = "texture"\nsilence = "paper"\n', "utf-8")
    silence = presets.load("default").about.silence
    assert silence is not None
    assert {presets.load(name).about.silence for name in ("texture", "paper", "dnp", "denoise")} == {silence}
    with pytest.raises(BadPreset, match="block_s"):
        presets.load("further")
    with pytest.raises(BadPreset, match="'paper' has it from 'default' itself"):
        presets.load("mine")


def test_a_preset_may_hold_only_what_differs_from_its_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    (tmp_path / "mine.toml").write_text(
        'base = "default"\ntitle = "Mine"\nwithout = ["models"]\n[refinement]\niterations = 7\n', "utf-8"
    )
    (tmp_path / "further.toml").write_text('base = "mine"\n[refinement]\nanchor = 0.5\n', "utf-8")
    default = presets.load_one_of("default", ConsensusRecipe)
    mine, further = (presets.load_one_of(name, ConsensusRecipe) for name in ("mine", "further"))
    assert default.recipe.refinement is not None
    assert mine.about == replace(default.about, title="Mine")
    assert mine.recipe == replace(
        default.recipe, models=None, refinement=replace(default.recipe.refinement, iterations=7)
    )
    assert further.recipe.refinement == replace(default.recipe.refinement, iterations=7, anchor=0.5)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('base = "mine"', "based on this file itself"),
        ('base = "other"', "based on this file itself"),
        ('base = "nothing"', "no preset 'nothing'"),
        ('base = "default"\nwithout = ["magic"]', "'default' has no 'magic'"),
        ('base = "default"\nwithout = ["front"]', "front"),
        ('base = "default"\nwithout = 1', "a list of names"),
        ('base = "default"\nwithout = [[]]', "a list of names"),
        ('base = "default"\n[front]\nhopp = 1', "front.hopp"),
    ],
)
def test_a_bad_base_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, named: str) -> None:
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    (tmp_path / "other.toml").write_text('base = "mine"', "utf-8")
    with pytest.raises(BadPreset) as caught:
        presets.load("mine")
    assert named in caught.value.message
