"""Stems: they sum to the clip, stay in place, and follow masks in hertz and in seconds."""

import math
from dataclasses import replace

import pytest
import torch

from dap_bridge.engine.recipe import Extension, Front, Highs, Stems
from dap_bridge.engine.signal.rows import Heard, hertz, see
from dap_bridge.engine.signal.stems import apply_masks

FRONT = Front(rate=11000, n_fft=1022, hop=172, view="power")
STEMS = Stems(
    window_s=0.085,
    overlap=4,
    extension=Extension(
        bands=24, octave=96, lowest=200.0, compression=0.7, nearness=8.0, updates=12, relaxation=1.8, exponent=2.0
    ),
)


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
    assert (stems.abs().argmax(2) == at).all()
    if rate < FRONT.rate:  # above the front's band the shares are not the masks
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


def test_above_the_band_a_sound_has_its_highs_when_it_has_its_lows() -> None:
    """Pulses of 300 Hz and 15 kHz under a steady 4 kHz tone, which has the energy just below the band's edge."""
    rate = 44100
    gate = (torch.arange(2 * rate) * 4 // rate % 2).float()
    pulses = (0.3 * tone(300, rate, 2.0) + 0.3 * tone(15000, rate, 2.0)) * gate
    lower = (torch.arange(512) * FRONT.rate / FRONT.n_fft < 2000).float()[:, None].expand(512, 128)
    stems = apply_masks(pulses + tone(4000, rate, 2.0), rate, torch.stack([lower, 1 - lower]), FRONT, STEMS)
    assert level_db(stems[0] - pulses, pulses) < -20


def test_above_the_band_the_nearer_sound_goes_on_where_time_does_not_decide() -> None:
    rate = 44100
    upper = (torch.arange(512) * FRONT.rate / FRONT.n_fft > 2000).float()[:, None].expand(512, 64)
    beyond = 0.3 * tone(15000, rate)
    mixture = tone(1000, rate) + tone(4000, rate) + beyond
    stems = apply_masks(mixture, rate, torch.stack([upper, 1 - upper]), FRONT, STEMS)
    assert level_db(stems[0] - tone(4000, rate) - beyond, beyond) < -15


def test_above_the_band_silence_is_shared_evenly() -> None:
    mixture = tone(15000, 44100)
    stems = apply_masks(mixture, 44100, torch.full((2, 512, 64), 0.5), FRONT, STEMS)
    torch.testing.assert_close(stems, mixture.expand(2, 1, -1) / 2, atol=1e-5, rtol=0)


def share_of(stem: torch.Tensor, sound: torch.Tensor) -> float:
    """How much of a sound a stem holds, away from both ends."""
    inside = slice(sound.shape[1] // 4, 3 * sound.shape[1] // 4)
    return float((stem[:, inside] * sound[:, inside]).sum() / sound[:, inside].square().sum())


def test_where_the_band_ends_a_sound_has_no_edge() -> None:
    rate = 44100
    low, above = tone(1000, rate), tone(5520, rate)
    masks = torch.tensor([0.7, 0.3])[:, None, None].expand(2, 512, 64)
    stems = apply_masks(low + above, rate, masks, FRONT, STEMS)
    assert share_of(stems[0], low) == pytest.approx(0.7, abs=0.01)
    assert share_of(stems[0], above) == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("rate", [22050, 44100, 96000])
def test_masks_of_bands_part_what_the_lows_cannot(rate: int) -> None:
    """The lows have no opinion, and what the bands say is half of the answer."""
    front = replace(FRONT, highs=Highs(bands=48, top=22_000.0, share=0.5))
    low, high = tone(6500, rate), tone(9500, rate)
    rows = see(Heard(torch.zeros(1, FRONT.rate), low + high, rate), front).shape[1]
    masks = (hertz(front, rate, rows, torch.device("cpu")) < 8000).float()
    masks[: FRONT.n_fft // 2 + 1] = 0.5
    masks = masks[:, None].expand(rows, 64)
    stems = apply_masks(low + high, rate, torch.stack([masks, 1 - masks]), front, STEMS)
    assert share_of(stems[0], low) == pytest.approx(0.75, abs=0.03)
    assert share_of(stems[0], high) == pytest.approx(0.25, abs=0.03)
