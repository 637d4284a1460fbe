"""The parts of a texture: bands that add up, phase that continues, latents that never recur."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.methods.texture.generator import latent_path
from dap_bridge.engine.methods.texture.matching import match
from dap_bridge.engine.methods.texture.original import listen
from dap_bridge.engine.methods.texture.recipe import TextureRecipe
from dap_bridge.engine.signal.auditory import FilterBank, describe_envelopes
from dap_bridge.engine.signal.phase import continued, fast_griffin_lim, joined
from dap_bridge.engine.signal.stft import stft
from tests.generators import drain

RATE = 22_050
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def recipe() -> TextureRecipe:
    return presets.load_one_of("texture", TextureRecipe).recipe


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("samples", [64, 4_801, RATE])
@pytest.mark.parametrize("rate", [8_000, RATE, 96_000])
def test_the_bands_add_up_to_the_clip(recipe: TextureRecipe, samples: int, rate: int) -> None:
    clip = noise(2, samples)
    bank = FilterBank(samples, rate, recipe.envelopes, CPU)
    torch.testing.assert_close(bank.join(bank.split(clip)), clip, atol=1e-4, rtol=0)


def test_an_envelope_is_the_level_of_its_band(recipe: TextureRecipe) -> None:
    seconds = torch.arange(RATE) / RATE
    beating = (1 + 0.5 * (2 * math.pi * 6 * seconds).cos()) * (2 * math.pi * 1000 * seconds).sin()
    bank = FilterBank(RATE, RATE, recipe.envelopes, CPU)
    envelopes = bank.envelopes(bank.split(beating[None]))[0][:, bank.inner]
    loudest = envelopes[envelopes.mean(1).argmax()]
    assert loudest.max() / loudest.min() == pytest.approx(3, rel=0.05)


def test_gains_bring_one_sound_to_the_statistics_of_another(recipe: TextureRecipe) -> None:
    samples = 2 * RATE
    pulsing = noise(1, samples) * (1 + (2 * math.pi * 5 * torch.arange(samples) / RATE).sin())
    bank = FilterBank(samples, RATE, recipe.envelopes, CPU)

    def distance(clip: Tensor) -> float:
        rows = bank.envelopes(bank.split(clip)).flatten(0, 1)[:, bank.inner]
        return float(describe_envelopes(rows, recipe.envelopes).distance(wanted, heard))

    rows = bank.envelopes(bank.split(pulsing)).flatten(0, 1)[:, bank.inner]
    wanted, heard = describe_envelopes(rows, recipe.envelopes), torch.ones(len(rows), dtype=torch.bool)
    steady = noise(1, samples, seed=1)
    everywhere, flat = torch.full((bank.frames,), 9.0), torch.ones(len(rows), 1)
    corrected = drain(match(steady, bank, wanted, heard, everywhere, flat, recipe.envelopes, recipe.matching))
    assert distance(corrected) < 0.1 * distance(steady)
    nowhere = torch.zeros(bank.frames)
    left = drain(match(steady, bank, wanted, heard, nowhere, flat, recipe.envelopes, recipe.matching))
    torch.testing.assert_close(left, steady, atol=1e-4, rtol=0)


def test_phase_that_is_invented_goes_on_from_what_is_known() -> None:
    """How well, is luck: what is drawn for the start decides. On the whole it goes on as the tone does."""
    n_fft, hop, samples = 512, 128, 16_384
    tone = (2 * math.pi * 0.05 * torch.arange(samples)).sin()[None]
    known = torch.arange(samples) < samples // 2
    beyond = slice(samples // 2, samples // 2 + 2 * n_fft)
    alike = []
    for seed in range(5):
        made = drain(
            fast_griffin_lim(
                stft(tone, n_fft, hop).abs(),
                noise(1, samples, seed=seed),
                n_fft,
                hop,
                iterations=60,
                momentum=0.99,
                known=tone,
                where=known,
            )
        )
        torch.testing.assert_close(made[:, known], tone[:, known])
        alike.append(float(torch.cosine_similarity(made[0, beyond], tone[0, beyond], dim=0)))
    # of five tones of any phase the mean is above a half once in seventeen times
    assert sum(alike) / len(alike) > 0.5


def test_prediction_goes_on_in_phase_and_at_the_level_of_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    tone = (2 * math.pi * 0.03 * torch.arange(9_000)).sin()[None]
    further = continued(tone[:, :8_000], 400, 256, generator)
    assert torch.cosine_similarity(further, tone[:, 8_000:8_400], dim=1) > 0.95
    hiss = continued(noise(2, 8_000), 4_000, 256, generator)
    torch.testing.assert_close(hiss.std(1), torch.ones(2), atol=0.15, rtol=0)
    assert not continued(torch.zeros(1, 100), 50, 256, generator).any()


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_a_fade_keeps_its_power_however_alike_its_sides_are(alike: float) -> None:
    left = noise(1, 50_000)
    right = alike * left + math.sqrt(1 - alike**2) * noise(1, 50_000, seed=1)
    powers = joined(left, right)[0].unflatten(0, (10, -1)).square().mean(1)
    torch.testing.assert_close(powers, torch.ones(10), atol=0.08, rtol=0)


@pytest.mark.parametrize("variation", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("known", [1, 3, 30])
def test_new_latents_are_distributed_as_the_old_and_have_no_period(
    recipe: TextureRecipe, variation: float, known: int
) -> None:
    own = noise(1, 400, known)
    new = latent_path(own, 600, recipe.path, variation, torch.Generator().manual_seed(2))
    assert new.shape == (1, 400, 600)
    # what is known of a single latent cannot be mixed with anything else
    if known == 30:
        assert float(new.var()) == pytest.approx(1, abs=0.15)
        unit = new[0] / new[0].norm(dim=0)
        alike = [float((unit[:, lag:] * unit[:, :-lag]).sum(0).mean()) for lag in range(recipe.path.segment, 300)]
        assert max(alike) < 0.35


def test_a_clip_is_heard_in_the_window_that_suits_it(recipe: TextureRecipe) -> None:
    seconds = torch.arange(RATE) / RATE
    hum = sum((2 * math.pi * 110 * k * seconds).sin() for k in range(1, 12))[None]
    clicks = torch.zeros(1, RATE)
    clicks[0, ::997] = 1.0
    sources = [listen(clip, None, RATE, recipe) for clip in (hum, clicks)]
    assert all(sources)
    assert sources[0].n_fft > 4 * sources[1].n_fft


def test_channels_that_say_the_same_are_drawn_once(recipe: TextureRecipe) -> None:
    mono = noise(1, RATE)
    assert listen(mono.expand(2, -1), None, RATE, recipe).directions.shape == (2, 1)
    assert listen(noise(2, RATE), None, RATE, recipe).directions.shape == (2, 2)
    assert listen(torch.zeros(2, RATE), None, RATE, recipe) is None
