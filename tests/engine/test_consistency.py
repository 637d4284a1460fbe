"""Stems: they sum to the clip, stay in place, and follow masks in hertz and in seconds."""

import math

import pytest
import torch

from dap_bridge.engine.consistency import apply_masks
from dap_bridge.engine.recipe import Front, Stems

FRONT = Front(rate=11000, n_fft=1022, hop=172, view="power")
STEMS = Stems(window_s=0.085, overlap=4, tail_octaves=1.0)


def level_db(audio: torch.Tensor, against: torch.Tensor) -> float:
    return 10 * math.log10(float(audio.double().square().mean() / against.double().square().mean()) + 1e-30)


def random_masks(sources: int, seconds: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    frames = 1 + int(seconds * FRONT.rate) // FRONT.hop
    return torch.rand(sources, 512, frames, generator=generator).softmax(0)


def tone(hertz: float, rate: int, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz / rate * torch.arange(int(rate * seconds)))[None]


@pytest.mark.parametrize("rate", [8000, 11000, 44100, 48000, 192000])
@pytest.mark.parametrize("frames", [1, 2, 100, 4097, 30000])
def test_stems_sum_to_the_clip(rate: int, frames: int) -> None:
    mixture = torch.randn(2, frames, generator=torch.Generator().manual_seed(frames))
    stems = apply_masks(mixture, rate, random_masks(3, frames / rate), FRONT, STEMS)
    assert stems.shape == (3, 2, frames)
    assert level_db(stems.sum(0) - mixture, mixture) <= -120


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
@pytest.mark.parametrize("at", [0, 777, 2999])
def test_an_impulse_stays_on_its_sample(rate: int, at: int) -> None:
    mixture = torch.zeros(1, 3000)
    mixture[0, at] = 1.0
    masks = torch.tensor([0.7, 0.3])[:, None, None].expand(2, 512, 20)
    stems = apply_masks(mixture, rate, masks, FRONT, STEMS)
    torch.testing.assert_close(stems, torch.stack([0.7 * mixture, 0.3 * mixture]), atol=1e-6, rtol=0)


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_masks_are_laid_out_in_hertz(rate: int) -> None:
    low, high = tone(1000, rate), tone(3000, rate)
    below = (torch.arange(512) * FRONT.rate / FRONT.n_fft < 2000).float()[:, None].expand(512, 64)
    stems = apply_masks(low + high, rate, torch.stack([below, 1 - below]), FRONT, STEMS)
    assert level_db(stems[0] - low, low) < -35
    assert level_db(stems[1] - high, high) < -35


@pytest.mark.parametrize("rate", [8000, 44100])
def test_masks_are_laid_out_in_seconds(rate: int) -> None:
    frames = 1 + FRONT.rate // FRONT.hop
    before = (torch.arange(frames) * FRONT.hop / FRONT.rate < 0.5).float().expand(512, frames)
    mixture = tone(700, rate)
    stems = apply_masks(mixture, rate, torch.stack([before, 1 - before]), FRONT, STEMS)
    edge, margin = rate // 2, rate // 8
    assert level_db(stems[1][:, : edge - margin], mixture) < -80
    assert level_db(stems[0][:, edge + margin :], mixture) < -80


def test_all_channels_share_one_mask() -> None:
    mixture = torch.randn(1, 9000)
    stems = apply_masks(torch.cat([mixture, 0.5 * mixture]), 44100, random_masks(2, 0.3), FRONT, STEMS)
    torch.testing.assert_close(stems[:, 1], 0.5 * stems[:, 0], atol=1e-5, rtol=0)


def test_above_the_band_the_sources_share_as_below_its_edge() -> None:
    """The first source owns a tone at 4 kHz, the second one at 1 kHz: what is heard at 15 kHz goes with the first."""
    rate = 44100
    high = tone(4000, rate) + 0.3 * tone(15000, rate)
    upper = (torch.arange(512) * FRONT.rate / FRONT.n_fft > 2000).float()[:, None].expand(512, 64)
    stems = apply_masks(tone(1000, rate) + high, rate, torch.stack([upper, 1 - upper]), FRONT, STEMS)
    assert level_db(stems[0] - high, high) < -30


def test_above_the_band_silence_is_shared_evenly() -> None:
    mixture = tone(15000, 44100)
    stems = apply_masks(mixture, 44100, torch.full((2, 512, 64), 0.5), FRONT, STEMS)
    torch.testing.assert_close(stems, mixture.expand(2, 1, -1) / 2, atol=1e-5, rtol=0)
