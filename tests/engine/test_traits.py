"""Traits: what tells a tone from noise and a click from a hum; and the space in which kin are near."""

import math

import pytest
import torch
from torch import Tensor

from dap_bridge import presets
from dap_bridge.engine.methods.consensus.recipe import ConsensusRecipe, Kinship
from dap_bridge.engine.methods.consensus.traits import kin, standard, traits
from dap_bridge.engine.recipe import Front

FRONT = Front(rate=11_000, n_fft=1022, hop=172, view="power")
KINSHIP = presets.load_one_of("default", ConsensusRecipe).recipe.features.kinship
assert KINSHIP is not None
TRAITS = KINSHIP.traits


def of(spectrum: Tensor, activation: Tensor) -> dict[str, Tensor]:
    """The traits of one component, (bins,) or (rows,) and (frames,)."""
    found = traits(spectrum[None, None], activation[None], TRAITS, FRONT)
    return {name: values[0] for name, values in found.items()}


def flat() -> Tensor:
    return torch.ones(512)


def lines() -> Tensor:
    spectrum = torch.full((512,), 1e-3)
    spectrum[20::20] = 1.0
    return spectrum


def steady(frames: int = 400) -> Tensor:
    return 1 + 0.05 * torch.rand(frames, generator=torch.Generator().manual_seed(0))


def strokes(every: int, frames: int = 400) -> Tensor:
    return (-(torch.arange(frames) % every) / 5.0).exp()


def test_peaks_make_a_spectrum_tonal() -> None:
    noise, tone = of(flat(), steady()), of(lines(), steady())
    assert (tone["tonality"] > noise["tonality"] + 0.5).all()
    assert tone["peaks"] > noise["peaks"]
    assert tone["entropy"] < noise["entropy"]


def test_the_share_above_the_bins_is_told() -> None:
    rows = torch.cat([flat(), 2 * flat()[:96]])
    assert float(of(rows, steady())["highs"]) == pytest.approx(math.log(4 * 96 / (4 * 96 + 512)), abs=1e-5)
    assert of(flat(), steady())["highs"] < math.log(1e-5)


def test_strokes_rise_faster_than_they_fall_and_hums_do_not_move() -> None:
    hum, beats = of(flat(), steady()), of(flat(), strokes(32))
    assert beats["asymmetry"] > 1 > abs(hum["asymmetry"])
    assert beats["onsets"] > hum["onsets"]
    assert beats["activity"] < hum["activity"]
    backwards = of(flat(), strokes(32).flip(0))
    assert backwards["asymmetry"] < -1


@pytest.mark.parametrize("every", [16, 32, 64, 128])
def test_changes_are_told_by_how_often_they_come(every: int) -> None:
    rate = FRONT.rate / FRONT.hop / every
    share = of(flat(), strokes(every, 1600))["modulation"]
    octave = int(torch.bucketize(torch.tensor(rate), torch.tensor([0.25, 0.5, 1, 2, 4, 8, 16]), right=True))
    assert int(share.argmax()) in (octave, octave + 1)  # the second partial is nearly as strong


@pytest.mark.parametrize("frames", [1, 2, 5, 64, 101])
def test_the_shortest_chunks_have_traits(frames: int) -> None:
    for activation in (torch.ones(frames), torch.zeros(frames)):
        for spectrum in (flat(), torch.zeros(512)):
            assert all(values.isfinite().all() for values in of(spectrum, activation).values())


def test_a_scale_is_no_trait() -> None:
    loud, quiet = of(1e3 * lines(), 1e2 * strokes(32)), of(lines(), strokes(32))
    for name, values in loud.items():
        torch.testing.assert_close(values, quiet[name], atol=1e-3, rtol=1e-3)


def test_what_varies_within_sounds_counts_as_little_as_its_axis_says() -> None:
    values = {"a": torch.tensor([[1.0], [-1.0]]), "b": torch.tensor([[2.0], [-2.0]])}
    recipe = Kinship(
        exponents=(0.0, 0.5),
        least=0.01,
        separation=(4.0, 0.25),
        traits=TRAITS,
        axes={"a": ((1.0, 0.0),), "b": ((0.0, 1.0),)},
    )
    plain, weighed = kin(values, recipe)
    assert plain.tolist() == [[1.0, 2.0], [-1.0, -2.0]]
    assert weighed.tolist() == [[2.0, 1.0], [-2.0, -1.0]]


def test_what_does_not_vary_is_no_difference() -> None:
    same = 1 + 1e-6 * torch.rand(20, 1, generator=torch.Generator().manual_seed(0))
    assert standard(same, 0.01).abs().max() < 1e-3
    torch.testing.assert_close(standard(torch.tensor([[0.0], [2.0]]), 0.01), torch.tensor([[-1.0], [1.0]]))


def test_every_row_of_the_axes_has_a_number_for_each_axis() -> None:
    with pytest.raises(ValueError, match="separation"):
        Kinship(exponents=(0.5,), least=0.01, separation=(1.0, 2.0), traits=TRAITS, axes={"a": ((1.0,),)})
