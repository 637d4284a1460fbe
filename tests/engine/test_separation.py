"""Separation: two sounds come apart, keep their names over a long clip, and nothing that can be read makes it fail."""

import math
import tomllib
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dap_bridge import assets, presets
from dap_bridge.engine.events import ChunkMasks, Event, Note, Step
from dap_bridge.engine.methods.consensus.recipe import ConsensusRecipe
from dap_bridge.engine.methods.consensus.separation import separate
from dap_bridge.engine.signal.stems import apply_masks
from dap_bridge.judging import best_permutation, si_sdr

from .hearing import heard

CPU = torch.device("cpu")


def preset(name: str) -> ConsensusRecipe:
    recipe = presets.load(name).recipe
    assert isinstance(recipe, ConsensusRecipe)
    return recipe


@pytest.fixture
def small() -> ConsensusRecipe:
    """The default preset with fewer runs and iterations, every stage of it."""
    recipe = preset("default")
    assert recipe.refinement is not None and recipe.models is not None
    return replace(
        recipe,
        pool=tuple(replace(part, runs=2, updates=22) for part in recipe.pool),
        models=replace(recipe.models, alone=6, together=11),
        grouping=replace(recipe.grouping, restarts=3),
        refinement=replace(recipe.refinement, iterations=10),
    )


def hum(frames: int, rate: int, seed: int = 0) -> Tensor:
    """Low, harmonic, steady."""
    time = torch.arange(frames) / rate
    return sum(torch.sin(2 * math.pi * 130 * h * time + seed) / h for h in range(1, 5))[None] * 0.3


def ticks(frames: int, rate: int, seed: int = 0) -> Tensor:
    """High, noisy, five times a second."""
    noise = torch.randn(1, frames, generator=torch.Generator().manual_seed(seed))
    bright = noise[:, 2:] - 2 * noise[:, 1:-1] + noise[:, :-2]
    decay = (-(torch.arange(frames - 2) % (rate // 5)) / (rate * 0.02)).exp()
    return torch.nn.functional.pad(bright * decay, (0, 2)) * 0.3


def siren(frames: int, rate: int) -> Tensor:
    """In the middle, a tone that swells and fades once a second."""
    time = torch.arange(frames) / rate
    return (0.3 * torch.sin(2 * math.pi * 1500 * time) * torch.sin(math.pi * time).square())[None]


def mean_si_sdr(references: list[Tensor], stems: Tensor) -> float:
    _, values = best_permutation(references, stems)
    return sum(values) / len(values)


def events(clip: Tensor | Callable[[int], Tensor], recipe: ConsensusRecipe, **options: int) -> list[Event]:
    read = clip if callable(clip) else lambda _: clip
    chunks, sources, seed = options.get("chunks", 1), options.get("sources", 2), options.get("seed", 0)
    return list(separate(lambda index: heard(read(index)), chunks, recipe, sources=sources, seed=seed, device=CPU))


def masks_of(told: list[Event]) -> list[Tensor]:
    return [event.masks for event in told if isinstance(event, ChunkMasks)]


def test_two_sounds_come_apart(small: ConsensusRecipe) -> None:
    rate = small.front.rate
    parts = [hum(3 * rate, rate), ticks(3 * rate, rate)]
    mixture = parts[0] + parts[1]
    for recipe in (small, replace(small, refinement=None)):
        (masks,) = masks_of(events(mixture, recipe))
        stems = apply_masks(mixture, rate, masks, recipe.front, recipe.stems)
        assert mean_si_sdr(parts, stems) > mean_si_sdr(parts, torch.stack([mixture, mixture])) + 10


@pytest.mark.parametrize("members", [(1.0,), (1.0, 0.5)])
def test_two_tones_that_sound_throughout_come_apart_in_every_chunk(
    small: ConsensusRecipe, members: tuple[float, ...]
) -> None:
    """Nothing tells them apart but the silence between them; the second chunk has them at other levels."""
    small = replace(small, members=members)
    rate = small.front.rate
    time = torch.arange(3 * rate) / rate
    tones = [0.25 * torch.sin(2 * math.pi * hertz * time)[None] for hertz in (500, 1500)]
    gains = [(1.0, 1.0), (0.5, 2.0)]
    clips = [sum(g * tone for g, tone in zip(pair, tones, strict=True)) for pair in gains]
    told = events(lambda index: clips[index], small, chunks=2)
    first, second = (
        apply_masks(clip, rate, masks, small.front, small.stems)
        for clip, masks in zip(clips, masks_of(told), strict=True)
    )
    assert mean_si_sdr(tones, first) > 25
    order = 0 if si_sdr(tones[0], first[0]) > 0 else 1
    assert si_sdr(tones[0], second[order]) > 25
    assert si_sdr(tones[1], second[1 - order]) > 25


def test_three_sounds_come_apart(small: ConsensusRecipe) -> None:
    rate = small.front.rate
    parts = [hum(3 * rate, rate), ticks(3 * rate, rate), siren(3 * rate, rate)]
    mixture = torch.stack(parts).sum(0)
    (masks,) = masks_of(events(mixture, small, sources=3))
    stems = apply_masks(mixture, rate, masks, small.front, small.stems)
    assert mean_si_sdr(parts, stems) > mean_si_sdr(parts, torch.stack([mixture] * 3)) + 6


def test_two_sounds_alike_come_apart_by_their_place(small: ConsensusRecipe) -> None:
    """The same kind of ticks, one to the left and one to the right: only the channels tell."""
    rate = small.front.rate
    left, right = ticks(3 * rate, rate, 1), ticks(3 * rate, rate, 2).roll(rate // 9, 1)
    parts = [torch.cat([left, 0.2 * left]), torch.cat([0.2 * right, right])]
    mixture = parts[0] + parts[1]
    (masks,) = masks_of(events(mixture, small))
    stems = apply_masks(mixture, rate, masks, small.front, small.stems)
    assert mean_si_sdr(parts, stems) > mean_si_sdr(parts, torch.stack([mixture, mixture])) + 5


@pytest.mark.parametrize("members", [(1.0,), (1.0, 0.5, 1.0)])
def test_a_source_is_the_same_sound_in_every_chunk(small: ConsensusRecipe, members: tuple[float, ...]) -> None:
    """Chunks that hold both sounds, the one, the other, both again: stem k is always the same one of them."""
    small = replace(small, members=members)
    rate = small.front.rate
    frames = 2 * rate
    heard = [(1, 1), (1, 0), (0, 1), (1, 1)]
    clips = [a * hum(frames, rate, i) + b * ticks(frames, rate, i) for i, (a, b) in enumerate(heard)]
    told = events(clips.__getitem__, small, chunks=4)
    assert [event.index for event in told if isinstance(event, ChunkMasks)] == [0, 1, 2, 3]
    stems = [apply_masks(c, rate, m, small.front, small.stems) for c, m in zip(clips, masks_of(told), strict=True)]
    humming = int(stems[1].square().sum((1, 2)).argmax())
    for i, (a, b) in enumerate(heard):
        if a:
            assert si_sdr(hum(frames, rate, i), stems[i][humming]) > 5
        if b:
            assert si_sdr(ticks(frames, rate, i), stems[i][1 - humming]) > 5


def test_one_chunk_is_read_and_factorised_once(small: ConsensusRecipe) -> None:
    read = []

    def reading(index: int) -> Tensor:
        read.append(index)
        return ticks(6000, small.front.rate)

    told = events(reading, small)
    assert read == [0]
    assert sum(isinstance(e, Step) and e.stage == "factorising" for e in told) == sum(p.updates for p in small.pool)


def test_the_seed_decides_and_nothing_else(small: ConsensusRecipe) -> None:
    clip = hum(9000, small.front.rate) + ticks(9000, small.front.rate)
    (first,), (other,) = masks_of(events(clip, small, seed=3)), masks_of(events(clip, small, seed=4))
    torch.manual_seed(1)
    torch.rand(5)
    (again,) = masks_of(events(clip, small, seed=3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_masks_exponent_sharpens_the_answer_and_nothing_before_it(small: ConsensusRecipe) -> None:
    clip = hum(9000, small.front.rate) + ticks(9000, small.front.rate)
    (plain,), (sharp,) = (masks_of(events(clip, replace(small, mask_exponent=p))) for p in (1.0, 2.0))
    assert torch.allclose(sharp, plain.square() / plain.square().sum(0), atol=1e-5)
    assert not torch.allclose(sharp, plain, atol=0.1)


def test_progress_never_falls_and_ends_at_one(small: ConsensusRecipe) -> None:
    clips = [ticks(5000, small.front.rate, i) for i in range(3)]
    told = events(clips.__getitem__, small, chunks=3)
    fractions = [event.fraction for event in told if isinstance(event, Step)]
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.05
    assert fractions[-1] == pytest.approx(1.0)
    assert {event.stage for event in told if isinstance(event, Step)} == {
        "factorising",
        "grouping",
        "modelling",
        "redrawing",
    }


CLIPS = {
    "silence": lambda n: torch.zeros(2, n),
    "dc": lambda n: torch.ones(1, n),
    "impulse": lambda n: torch.nn.functional.one_hot(torch.tensor([n // 2]), n).float(),
    "tone": lambda n: torch.sin(0.3 * torch.arange(n))[None],
    "faint": lambda n: 1e-20 * torch.randn(1, n, generator=torch.Generator().manual_seed(0)),
    "loud": lambda n: 1e6 * torch.randn(1, n, generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("samples", [1, 3 * 172, 12000])
@pytest.mark.parametrize("sources", [2, 3])
def test_every_clip_has_an_answer(small: ConsensusRecipe, name: str, samples: int, sources: int) -> None:
    (masks,) = masks_of(events(CLIPS[name](samples), small, sources=sources))
    assert masks.shape == (sources, 512, 1 + samples // small.front.hop)
    assert masks.isfinite().all()
    assert masks.min() >= 0
    torch.testing.assert_close(masks.sum(0), torch.ones(masks.shape[1:]))


def test_silence_is_said_and_shared_evenly(small: ConsensusRecipe) -> None:
    told = events(torch.zeros(1, 9000), small, sources=3)
    assert any(isinstance(event, Note) and "silent" in event.message for event in told)
    (masks,) = masks_of(told)
    torch.testing.assert_close(masks, torch.full_like(masks, 1 / 3))


def test_a_silent_chunk_between_others_is_no_silence(small: ConsensusRecipe) -> None:
    clips = [ticks(6000, small.front.rate), torch.zeros(1, 6000)]
    told = events(clips.__getitem__, small, chunks=2)
    assert not any(isinstance(event, Note) for event in told)
    torch.testing.assert_close(masks_of(told)[1], torch.full_like(masks_of(told)[1], 0.5))


def test_the_default_preset_holds_every_number() -> None:
    table = tomllib.loads((assets.folder("presets") / "default.toml").read_text(encoding="utf-8"))
    assert {"front", "stems", "pool", "features", "grouping"} <= set(table)
    assert preset("default").front.rate == table["front"]["rate"]
