"""What is known of sounds alone decides what the clip leaves open, and what is said of spans holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.events import ChunkMasks, Corrected
from dap_bridge.engine.methods import separator
from dap_bridge.engine.methods.consensus.recipe import ConsensusRecipe
from dap_bridge.engine.methods.method import Known
from dap_bridge.engine.signal.boxes import ChunkBox
from dap_bridge.engine.signal.rows import Heard

from .hearing import RATE, heard

CPU = torch.device("cpu")
SECONDS = 3
# Hz, of three parts of a clip.
LOW, MIDDLE, HIGH = (150.0, 450.0), (900.0, 1600.0), (2800.0, 4800.0)


@pytest.fixture
def recipe() -> ConsensusRecipe:
    """The default preset with fewer runs, and no decoders."""
    found = presets.load("default").recipe
    assert isinstance(found, ConsensusRecipe)
    pool = tuple(replace(part, runs=2, updates=22) for part in found.pool)
    return replace(found, pool=pool, grouping=replace(found.grouping, restarts=3), refinement=None)


def band(edges: tuple[float, float], beats: float, seed: int, seconds: float = SECONDS) -> Tensor:
    """Noise between two frequencies that swells so many times a second: (1, samples)."""
    frames = round(seconds * RATE)
    noise = torch.fft.rfft(torch.randn(frames, generator=torch.Generator().manual_seed(seed)))
    hertz = torch.fft.rfftfreq(frames, 1 / RATE)
    time = torch.arange(frames) / RATE
    inside = noise * ((hertz > edges[0]) & (hertz < edges[1]))
    swell = (0.5 + 0.5 * torch.sin(2 * math.pi * (beats * time + 0.1 * seed))) ** 3
    sound = torch.fft.irfft(inside, frames)
    return (sound / sound.square().mean().sqrt() * swell * 0.2)[None]


def low(seed: int, seconds: float = SECONDS) -> Tensor:
    return band(LOW, 1.1, seed, seconds)


def middle(seed: int, seconds: float = SECONDS) -> Tensor:
    return band(MIDDLE, 2.3, seed, seconds)


def high(seed: int, seconds: float = SECONDS) -> Tensor:
    return band(HIGH, 4.1, seed, seconds)


def clip() -> Tensor:
    return low(1) + middle(2) + high(3)


def answers(recipe: ConsensusRecipe, audio: Tensor | Sequence[Tensor], **options: Any) -> list[ChunkMasks]:
    chunks = [audio] if isinstance(audio, Tensor) else list(audio)
    sources = options.pop("sources", 2)
    run = separator(recipe).separate(
        lambda index: heard(chunks[index]),
        len(chunks),
        sources=sources,
        seed=0,
        device=CPU,
        known=Known(**options),
    )
    return [event for event in run if isinstance(event, ChunkMasks)]


def share(masks: Tensor, source: int, edges: tuple[float, float]) -> float:
    """How much of a band is a source's."""
    hertz = torch.arange(512) * (RATE / 1022)
    return float(masks[source, :512][(hertz > edges[0]) & (hertz < edges[1])].mean())


def examples(*sounds: Tensor) -> Mapping[int, Sequence[Heard]]:
    return {source: [heard(sound)] for source, sound in enumerate(sounds)}


def test_two_examples_say_with_which_sound_a_part_goes(recipe: ConsensusRecipe) -> None:
    with_low = answers(recipe, clip(), examples=examples(low(11) + middle(12), high(13)))[0].masks
    with_high = answers(recipe, clip(), examples=examples(low(11), middle(12) + high(13)))[0].masks
    for masks in (with_low, with_high):
        assert share(masks, 0, LOW) > 0.7
        assert share(masks, 1, HIGH) > 0.7
    assert share(with_low, 0, MIDDLE) > 0.7
    assert share(with_high, 1, MIDDLE) > 0.7


def test_stems_are_in_the_order_of_their_examples(recipe: ConsensusRecipe) -> None:
    audio = low(1) + high(3)
    for number, sound in enumerate((low(11), high(13))):
        masks = answers(recipe, audio, examples={number: [heard(sound)]})[0].masks
        assert share(masks, number, (LOW, HIGH)[number]) > 0.6
        masks = answers(recipe, audio, examples={1 - number: [heard(sound)]})[0].masks
        assert share(masks, 1 - number, (LOW, HIGH)[number]) > 0.6


def test_three_sounds_long_clips_and_several_examples_of_a_sound(recipe: ConsensusRecipe) -> None:
    chunks = [clip(), low(4) + middle(5) + high(6)]
    known = {0: [heard(high(13, 1.0)), heard(high(14, 1.0) * 0.01)], 1: [heard(low(11))], 2: [heard(middle(12))]}
    found = answers(recipe, chunks, examples=known, sources=3)
    assert [one.index for one in found] == [0, 1]
    for one in found:
        for source, edges in enumerate((HIGH, LOW, MIDDLE)):
            assert share(one.masks, source, edges) > 0.6


def test_an_example_of_other_channels_and_of_a_lower_rate(recipe: ConsensusRecipe) -> None:
    audio = torch.cat([low(1) + 0.2 * high(3), 0.2 * low(1) + high(3)])
    dull = low(11)
    known = {0: [Heard(dull, dull, 4000)], 1: [heard(torch.cat([high(13)] * 2) * 10)]}
    found = {one.what: one.masks for one in answers(recipe, audio, examples=known, alternatives=2)}
    masks = found["as your examples say"]
    assert torch.isfinite(masks).all()
    assert share(masks, 0, LOW) > 0.7
    assert share(masks, 1, HIGH) > 0.7


def test_with_and_without_examples_are_two_answers(recipe: ConsensusRecipe) -> None:
    known = examples(low(11) + middle(12), high(13))
    found = answers(recipe, clip(), examples=known, alternatives=2)
    assert [one.what for one in found] == ["as your examples say", "without your examples"]
    alone = answers(recipe, clip(), examples=known)
    assert torch.equal(alone[0].masks, found[0].masks)
    assert all(one.trusted for one in found[0].guidance)
    assert len(answers(recipe, clip(), examples=known, alternatives=None)) >= 2


def test_an_example_that_explains_nothing_is_not_trusted(recipe: ConsensusRecipe) -> None:
    audio = low(1) + middle(3)
    found = answers(recipe, audio, examples={0: [heard(high(13))]}, alternatives=2)
    (guidance,) = found[0].guidance
    assert not guidance.trusted
    assert [one.what for one in found] == ["without your examples", "as your examples say"]


def span(source: int, start: float, end: float, *, active: bool = True) -> ChunkBox:
    return ChunkBox(source, active, start, end, 0.0, RATE / 2, 1.0, 0.0)


def begun() -> Tensor:
    """A second of low and middle, a second of high, and then all three."""
    first, second, rest = low(1, 1.0) + middle(2, 1.0), high(3, 1.0), low(4) + middle(5) + high(6)
    return torch.cat([first, second, rest], 1)


def test_a_span_is_an_example_and_holds(recipe: ConsensusRecipe) -> None:
    frames = round(2.0 * RATE / recipe.front.hop)
    for first, second in ((0, 1), (1, 0)):
        spans = {0: [span(first, 0.0, 1.0), span(second, 1.0, 2.0)]}
        (answer,) = answers(recipe, begun(), spans=spans)
        rest = answer.masks[..., frames + 8 :]
        assert share(rest, first, LOW) > 0.7
        assert share(rest, first, MIDDLE) > 0.7
        assert share(rest, second, HIGH) > 0.7
        assert share(answer.masks[..., 5 : frames // 2 - 5], second, HIGH) < 0.05


def test_that_one_is_silent_says_of_two_that_the_other_is_alone(recipe: ConsensusRecipe) -> None:
    alone = answers(recipe, begun(), spans={0: [span(0, 0.0, 1.0)]})[0].masks
    silent = answers(recipe, begun(), spans={0: [span(1, 0.0, 1.0, active=False)]})[0].masks
    assert torch.allclose(alone, silent)


@pytest.mark.parametrize("middle_is_low", [True, False])
def test_a_box_as_high_as_the_clip_corrects_all_of_it(recipe: ConsensusRecipe, middle_is_low: bool) -> None:
    """Where sounds are alone for a second each, it is said with which of them the middle goes."""
    first = low(1, 1.0) + middle(2, 1.0) if middle_is_low else low(1, 1.0)
    second = high(3, 1.0) if middle_is_low else middle(2, 1.0) + high(3, 1.0)
    audio = torch.cat([first, second, low(4) + middle(5) + high(6)], 1)
    (separation,) = answers(recipe, audio)
    corrector = separator(recipe).corrector
    assert corrector is not None
    own = int(share(separation.masks, 1, LOW) > 0.5)
    boxes = {0: [span(own, 0.0, 1.0), span(1 - own, 1.0, 2.0)]}
    run = corrector.correct(
        lambda _: heard(audio), lambda _: separation.learned, boxes, redraw=True, carry=(), device=CPU
    )
    (answer,) = [event for event in run if isinstance(event, Corrected)]
    rest = answer.masks[..., round(2.2 * RATE / recipe.front.hop) :]
    assert share(rest, own, LOW) > 0.6
    assert share(rest, 1 - own, HIGH) > 0.6
    assert share(rest, own if middle_is_low else 1 - own, MIDDLE) > 0.6
