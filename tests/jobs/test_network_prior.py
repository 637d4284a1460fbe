"""Deep Network Prior: what a network keeps changing is noise, whatever the clip's length, rate and channels."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch

from dap_bridge import presets
from dap_bridge.engine.methods.network_prior import fluctuations as network_prior
from dap_bridge.engine.methods.network_prior.fluctuations import attenuation, relative_change
from dap_bridge.errors import Cancelled
from dap_bridge.jobs import worker
from dap_bridge.judging import si_sdr

from .test_denoise import RATE, Denoise, denoise, request, steady, voice
from .test_worker import Watcher

__all__ = ["denoise"]


def test_changes_count_in_proportion_to_what_is_there_and_outliers_are_cut() -> None:
    before = torch.tensor([[1.0, 4.0, 2.0], [1.0, 3.0, 5.0]])
    now = torch.tensor([[1.0, 2.0, 4.0], [4.0, 2.0, 0.5]])
    # |S_i - S_(i-1)| / S_i: 0, 1, 1/2, 3/4, 1/2 and 9; sorted 0, 1/2, 1/2, 3/4, 1, 9, the second and the last but one
    # of which are the limits
    expected = torch.tensor([[0.5, 1.0, 0.5], [0.75, 0.5, 1.0]])
    assert torch.equal(relative_change(now, before, 0.2), expected)


def test_what_changes_most_is_attenuated_most() -> None:
    recipe = presets.load("dnp").recipe.fluctuations  # type: ignore[union-attr]
    total = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    expected = torch.tensor([[1.0, 0.75], [0.5, 10 ** (-30 / 20)]])
    assert torch.allclose(attenuation(total, recipe), expected)
    assert torch.equal(attenuation(torch.full((2, 2), 7.0), recipe), torch.ones(2, 2))


@pytest.mark.parametrize(("rate", "channels", "frames"), [(8000, 1, 9000), (44_100, 2, 70_001), (48_000, 3, 1501)])
def test_speech_and_noise_sum_to_the_clip_whatever_its_form(
    denoise: Denoise,
    write_clip: Callable[..., Path],
    noise: Callable[..., np.ndarray],
    rate: int,
    channels: int,
    frames: int,
) -> None:
    clip = noise(channels, frames)
    result = denoise(write_clip(clip, rate), preset="quick-dnp")
    assert result["speech"].shape == result["noise"].shape == clip.shape
    assert np.abs(result["speech"] + result["noise"] - clip).max() < 1e-6
    assert result["null_db"] <= -100
    assert result["rate"] == rate
    # one optimisation a chunk of 0.6 s, eight iterations each
    assert result["iterations"] == 8 * len(range(0, max(1, frames - round(0.05 * rate)), round(0.55 * rate)))


def test_one_gain_holds_for_all_channels(denoise: Denoise, write_clip: Callable[..., Path]) -> None:
    speech = voice(1) + steady(RATE)
    result = denoise(write_clip(np.stack([speech, -0.5 * speech]), RATE), preset="quick-dnp")
    assert np.allclose(result["speech"][1], -0.5 * result["speech"][0], atol=1e-6)


def test_a_seed_says_all_about_a_result(denoise: Denoise, write_clip: Callable[..., Path]) -> None:
    path = write_clip(voice(1) + steady(RATE), RATE)
    one, again, other = (denoise(path, str(i), preset="quick-dnp", seed=s) for i, s in enumerate((3, 3, 4)))
    assert np.array_equal(one["speech"], again["speech"])
    assert not np.allclose(one["speech"], other["speech"], atol=1e-4)


@pytest.mark.parametrize("multiplied", [True, False])
def test_products_are_halved_where_the_hardware_has_them_and_the_speech_is_the_same(
    denoise: Denoise,
    write_clip: Callable[..., Path],
    quick_presets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    multiplied: bool,
) -> None:
    table = tomllib.loads((quick_presets / "quick-dnp.toml").read_text(encoding="utf-8"))
    for products in ("float32", "bfloat16"):
        table["fit"]["products"] = products
        (tmp_path / f"{products}.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    monkeypatch.setattr(network_prior, "multiplies_halves", lambda device: multiplied)
    path = write_clip(voice(1) + steady(RATE), RATE)
    whole, halved = (denoise(path, name, preset=name)["speech"][0] for name in ("float32", "bfloat16"))
    assert np.array_equal(whole, halved) is not multiplied
    assert np.linalg.norm(halved - whole) < 0.2 * np.linalg.norm(whole)


def test_a_job_tells_how_far_it_is_and_can_be_cancelled_on_the_way(
    tmp_path: Path, write_clip: Callable[..., Path]
) -> None:
    path = write_clip(voice(1) + steady(RATE), RATE)
    watcher = Watcher(tmp_path / "whole")
    worker.run(request(path, out=str(tmp_path / "out"), preset="quick-dnp"), watcher, tmp_path)
    fractions = [report.fraction for report in watcher.reports]
    assert fractions == pytest.approx([(i + 1) / 16 for i in range(16)])
    assert {(report.stage, report.iterations) for report in watcher.reports} == {("optimising", 8)}
    cancelled = Watcher(tmp_path / "cancelled", cancel_after=11)
    with pytest.raises(Cancelled):
        worker.run(request(path, out=str(tmp_path / "none"), preset="quick-dnp"), cancelled, tmp_path)
    assert len(cancelled.reports) == 11
    assert not (tmp_path / "none").exists()


def test_what_an_optimisation_settles_on_stays_and_what_it_does_not_goes(
    denoise: Denoise,
    write_clip: Callable[..., Path],
    quick_presets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = tomllib.loads((quick_presets / "quick-dnp.toml").read_text(encoding="utf-8"))
    table["network"]["filters"] = 4
    table["fit"] |= {"iterations": 100, "learning_rate": 3e-3}
    table["fluctuations"]["first"] = 30
    (tmp_path / "longer-dnp.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    time = np.arange(round(0.6 * RATE)) / RATE
    tones = sum(0.1 * np.sin(2 * np.pi * hertz * time) for hertz in (500, 1100)) * (np.sin(2 * np.pi * 2 * time) > 0)
    clip = tones + steady(len(time))
    speech = denoise(write_clip(clip, RATE), preset="longer-dnp")["speech"][0]
    assert si_sdr(tones, speech) > si_sdr(tones, clip) + 1
