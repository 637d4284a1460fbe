"""The paper's method through its public door: events, masks, identity, and two tones told apart (Fig. 2)."""

import math
import weakref
from dataclasses import dataclass, replace

import pytest
import torch

from dap_bridge.engine.events import ChunkMasks, Note, Step
from dap_bridge.engine.methods.paper import separation
from dap_bridge.engine.methods.paper.separation import best_order, join, ratio_masks, separate, split
from dap_bridge.engine.recipe import Noise
from dap_bridge.engine.signal.stft import frame_count, istft, stft
from dap_bridge.judging import si_sdr

from .hearing import heard
from .paper import CPU, audio, published, run, small

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_preset_is_as_published():
    recipe = published()
    assert (recipe.front.rate, recipe.front.n_fft, recipe.front.hop) == (11_000, 1022, 172)
    assert frame_count(12 * 11_000, recipe.front.hop) == 24 * recipe.fit.segment_frames
    assert recipe.noise.dynamic_from * recipe.fit.iterations == 2000
    assert recipe.noise.dynamic_full * recipe.fit.iterations == 4000
    assert recipe.losses.binary_from * recipe.fit.iterations == 4500


def test_a_preset_of_another_view_is_refused():
    recipe = published()
    with pytest.raises(ValueError, match="mono"):
        replace(recipe, front=replace(recipe.front, view="channels"))


@pytest.mark.parametrize("samples", [1, 480, 481, 700])
def test_a_clip_of_any_length_gets_masks_on_its_own_frames(samples):
    _, (masks,) = run(audio(samples), small(), sources=3)
    assert masks.shape == (3, 32, frame_count(samples, 15))
    torch.testing.assert_close(masks.sum(0), torch.ones(masks.shape[1:]))
    assert masks.min() >= 0


def test_every_iteration_is_a_step_and_the_last_one_ends_the_work():
    events, _ = run([audio(480), audio(480, seed=1)], small(3))
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.iteration for step in steps] == [1, 2, 3, 1, 2, 3]
    assert [step.fraction for step in steps] == pytest.approx([i / 6 for i in range(1, 7)])
    assert [event.index for event in events if isinstance(event, ChunkMasks)] == [0, 1]


def test_a_seed_gives_the_same_masks_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    _, (first,) = run(audio(700), small())
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(99)
    _, (again,) = run(audio(700), small())
    _, (other,) = run(audio(700), small(), seed=1)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_loudness_does_not_change_the_masks():
    _, (loud,) = run(audio(700), small())
    _, (quiet,) = run(audio(700) / 1024, small())
    torch.testing.assert_close(loud, quiet, atol=1e-3, rtol=0)


def test_the_channels_mean_is_what_is_separated():
    mono = audio(700)
    side = audio(700, seed=5)
    _, (one,) = run(mono, small())
    _, (two,) = run(torch.cat([mono + side, mono - side]), small())
    torch.testing.assert_close(one, two, atol=1e-3, rtol=0)


def test_silence_is_shared_equally_without_an_optimisation():
    events, (masks,) = run(torch.zeros(1, 480), small(), sources=4)
    assert (masks == 0.25).all()
    assert [type(event) for event in events] == [ChunkMasks, Note]


def test_a_silent_chunk_among_others_is_passed_over():
    _, masks = run([torch.zeros(1, 480), audio(480), torch.zeros(1, 480)], small())
    assert [bool((mask == 0.5).all()) for mask in masks] == [True, False, True]


def test_separate_takes_this_way_for_a_paper_recipe():
    (masks,) = (
        event.masks
        for event in separate(lambda i: heard(audio(480)), 1, small(), sources=2, seed=0, device=CPU)
        if isinstance(event, ChunkMasks)
    )
    assert torch.equal(masks, run(audio(480), small())[1][0])


@pytest.mark.parametrize("multiplied", [True, False])
def test_products_are_halved_where_the_hardware_has_them_and_little_changes(monkeypatch, multiplied):
    """After one iteration: later ones part, as they do by any other rounding."""
    monkeypatch.setattr(separation, "multiplies_halves", lambda device: multiplied)
    whole: dict[str, torch.Tensor] = {}
    halved: dict[str, torch.Tensor] = {}
    for products, seen in (("float32", whole), ("bfloat16", halved)):
        run(audio(700), small(1, products=products), observe=lambda _, outputs, seen=seen: seen.update(vars(outputs)))
    for name, expected in whole.items():
        assert torch.equal(halved[name], expected) is not multiplied
        assert (halved[name] - expected).norm() < 0.2 * expected.norm()


def test_an_observer_sees_sounds_masks_and_stems_of_every_iteration():
    seen = {}
    run(audio(700), small(3), observe=lambda iteration, outputs: seen.update({iteration: outputs}))
    assert list(seen) == [1, 2, 3]
    outputs = seen[3]
    assert outputs.sounds.shape == (2, 2, 32, 32)  # sources, segments, bins, frames
    assert outputs.masks.shape == (2, 2, 1, 32)  # the same for every bin
    torch.testing.assert_close(outputs.stems, outputs.masks * outputs.sounds)
    assert not outputs.stems.requires_grad and not torch.equal(seen[1].stems, seen[3].stems)


def test_the_mask_can_have_a_frequency_axis():
    seen = []
    run(audio(480), small(1, mask_axes="time-frequency"), observe=lambda _, outputs: seen.append(outputs))
    assert seen[0].masks.shape == seen[0].sounds.shape
    assert seen[0].masks.std(-2).min() > 0


def test_the_binary_mask_term_sets_in_late_and_shows_in_the_loss():
    def loss(binary: float) -> list[float]:
        recipe = small(10)
        events, _ = run(audio(480), replace(recipe, losses=replace(recipe.losses, binary=binary)))
        return [event.loss for event in events if isinstance(event, Step)]

    without, with_it = loss(0.0), loss(0.5)
    assert with_it[:9] == without[:9]
    assert with_it[9] > without[9] + 2  # two masks, each at least 0.5 * 2


def test_the_next_chunk_starts_from_the_weights_and_the_static_noise_of_the_one_before():
    # at learning rate 0 and with the static noise alone, networks that go on give the same answer again
    recipe = small(1, learning_rate=0.0)
    still = replace(recipe, noise=Noise(temporal_step=0.0, dynamic_from=1.0, dynamic_full=1.0, abrupt=0.0))
    _, (first, second) = run([audio(2000)] * 2, still)
    torch.testing.assert_close(first, second)


def test_the_order_of_the_sources_is_the_one_whose_spectra_are_most_alike():
    known = torch.tensor([[9.0, 1, 0, 0], [0, 0, 4, 4], [0, 1, 9, 0]])
    spectra = torch.tensor([[0.0, 2, 8, 0], [8, 2, 0, 0], [0, 0, 3, 5]])
    assert best_order(spectra, known) == [1, 2, 0]
    assert best_order(torch.zeros(3, 4), known) == [0, 1, 2]
    assert best_order(spectra, torch.zeros(3, 4)) == [0, 1, 2]


def test_ratio_masks():
    stems = torch.tensor([[[3.0, 0.0, 1e-30]], [[1.0, 0.0, 0.0]]])
    masks = ratio_masks(stems, 2.0)
    torch.testing.assert_close(masks, torch.tensor([[[0.9, 0.5, 1.0]], [[0.1, 0.5, 0.0]]]))


def test_splitting_into_segments_and_back_loses_nothing():
    spectrogram = torch.rand(3, 70, generator=torch.Generator().manual_seed(0))
    segments = split(spectrogram, 32)
    assert segments.shape == (3, 3, 32)
    assert torch.equal(segments[1], spectrogram[:, 32:64])
    assert torch.equal(join(segments)[:, :70], spectrogram)
    assert not join(segments)[:, 70:].any()


def pulsed_tone(hertz: float, period: float, phase: float, rate: int) -> torch.Tensor:
    """One second of a tone that sounds in the first half of every period, with soft edges of some 10 ms."""
    t = torch.arange(rate) / rate
    gate = (torch.cos(2 * math.pi * (t / period + phase)) * period / 0.02).sigmoid()
    return 0.5 * gate * torch.sin(2 * math.pi * hertz * t)


def least_si_sdr(masks: torch.Tensor, sources: torch.Tensor, n_fft: int, hop: int) -> float:
    """Of the stems that the masks make of the sources' sum, by the order that suits them; (sources, samples)."""
    stems = istft(masks * stft(sources.sum(0, keepdim=True), n_fft, hop), n_fft, hop, sources.shape[1])
    return max(min(map(si_sdr, order, stems)) for order in (sources, sources.flip(0)))


def test_two_steady_tones_are_told_apart():
    """Fig. 2 on half a second, 30 iterations instead of 5000, from one of a few seeds. A spectrogram this sparse must
    not be lifted to the mean magnitude of a dense one: there the exclusion is flat, and the tones stay together,
    whatever the seed.
    """
    recipe = replace(published(), fit=replace(published().fit, iterations=30))
    rate, n_fft, hop = recipe.front.rate, recipe.front.n_fft, recipe.front.hop
    time = torch.arange(31 * hop) / rate
    tones = torch.stack([0.25 * torch.sin(2 * math.pi * hertz * time) for hertz in (500, 1500)])

    def told_apart_by(seed: int) -> float:
        _, (masks,) = run(tones.sum(0, keepdim=True), recipe, seed=seed)
        return least_si_sdr(masks, tones, n_fft, hop)

    assert any(told_apart_by(seed) >= 10 for seed in range(5))


@pytest.mark.timeout(600)
def test_from_every_seed_two_tones_in_turns_are_told_apart_or_it_is_said():
    """Fig. 2, shortened: networks, losses, learning rate and schedule are the published ones; the clip has 0.36 s
    instead of 12, 128 bins instead of 512, and 20 iterations instead of 5000, of which four in ten separate: so
    there are more starts. How far it gets is luck, a machine's rounding included; that it gets somewhere is not:
    where a bin tells as much as the preset asks for, arithmetic leaves at most 44 % of a tone in the other's stem.
    """
    recipe = published()
    n_fft, hop = 254, 127
    recipe = replace(
        recipe,
        front=replace(recipe.front, n_fft=n_fft, hop=hop),
        fit=replace(recipe.fit, iterations=20),
        starts=replace(recipe.starts, restarts=7),
    )
    rate = recipe.front.rate
    tones = torch.stack([pulsed_tone(700, 0.18, 0.0, rate), pulsed_tone(2200, 0.27, 0.3, rate)])[:, : 31 * hop]
    scores = []
    for seed in range(5):
        events, (masks,) = run(tones.sum(0, keepdim=True), recipe, seed=seed)
        if not any(isinstance(event, Note) for event in events):
            scores.append(least_si_sdr(masks, tones, n_fft, hop))
    assert len(scores) >= 3
    assert min(scores) > 0, "nearer to its tone than the mixture is"


@dataclass(eq=False)
class Kept:
    tensor: torch.Tensor


class Room:
    """Memory for so many bytes of what autograd keeps for slopes, as a GPU has it: more is refused."""

    def __init__(self, limit: float) -> None:
        self.limit, self.held, self.most, self.refused = limit, 0, 0, 0

    def __enter__(self) -> "Room":
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._keep, lambda kept: kept.tensor)
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)

    def _keep(self, tensor: torch.Tensor) -> Kept:
        if self.held + tensor.nbytes > self.limit:
            self.refused += 1
            raise torch.OutOfMemoryError("simulated")
        kept = Kept(tensor.detach())  # what it is the output of would else hold itself
        self.held += tensor.nbytes
        self.most = max(self.most, self.held)
        weakref.finalize(kept, self._let_go, tensor.nbytes)
        return kept

    def _let_go(self, size: int) -> None:
        self.held -= size


def test_networks_that_a_device_cannot_hold_at_once_are_optimised_in_turn_and_it_is_said():
    """The room is half of what an iteration wants; the second chunk, which goes on from the first, knows it."""
    clips, recipe = [audio(480), audio(480, seed=1)], small(2)
    with Room(math.inf) as enough:
        plain, masks = run(clips, recipe)
    with Room(enough.most / 2) as little:
        events, in_turn = run(clips, recipe)
    assert little.refused == 1
    assert [type(event) for event in events] == [*map(type, plain), Note]
    assert "in turn" in events[-1].message
    for one, other in zip(masks, in_turn, strict=True):
        torch.testing.assert_close(one, other)
    with Room(0), pytest.raises(torch.OutOfMemoryError):
        run(clips, recipe)
