"""The rows of a front: bins up to half its rate, and above these bands of the clip at its own rate."""

import math

import pytest
import torch

from dap_bridge.engine.recipe import Front, Highs
from dap_bridge.engine.signal.rows import Heard, bins, hertz, interpolate_rows, see, through
from dap_bridge.engine.signal.stft import magnitude

CPU = torch.device("cpu")
FRONT = Front(rate=11_000, n_fft=1022, hop=172, view="channels", highs=Highs(bands=48, top=22_000.0, share=0.5))
WITHOUT = Front(rate=11_000, n_fft=1022, hop=172, view="channels")


def tone(frequency: float, rate: int, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency * torch.arange(round(seconds * rate)) / rate)[None]


def hear(frequency: float, rate: int) -> Heard:
    """A tone that is above the front's band, if there is such a thing at this rate."""
    audible = frequency < FRONT.rate / 2
    view = tone(frequency, FRONT.rate) if audible else torch.zeros(1, FRONT.rate)
    return Heard(view, tone(frequency, rate), rate)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("frequency", [6_000.0, 7_777.0, 9_500.0])
def test_a_tone_above_the_front_sounds_in_the_band_that_it_lies_in(rate: int, frequency: float) -> None:
    seen = see(hear(frequency, rate), FRONT)
    rows = hertz(FRONT, rate, seen.shape[1], CPU)
    middle = seen[0, :, seen.shape[2] // 2]
    assert abs(math.log2(float(rows[middle.argmax()]) / frequency)) <= 1 / 48
    assert middle[: bins(FRONT)].max() < 1e-3 * middle.max()


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_tone_is_about_as_high_in_a_band_as_in_a_bin(rate: int) -> None:
    below, above = (see(hear(f, rate), FRONT)[0, :, 30].square().sum().sqrt() for f in (3_000.0, 9_000.0))
    assert float(above / below) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 11_000, 11_025])
def test_a_clip_without_highs_is_seen_as_ever(rate: int) -> None:
    view = tone(1_000, FRONT.rate)
    assert torch.equal(see(Heard(view, tone(1_000, rate), rate), FRONT), magnitude(view, FRONT))


def test_a_front_without_highs_sees_none() -> None:
    assert see(hear(9_000.0, 44_100), WITHOUT).shape[1] == bins(WITHOUT)


def test_bands_lie_in_time_where_bins_do() -> None:
    """A click, heard through windows of the same length: both are loudest in the same frame."""
    view, audio = torch.zeros(1, 11_000), torch.zeros(1, 44_100)
    view[0, 5_500], audio[0, 22_050] = 1.0, 1.0
    seen = see(Heard(view, audio, 44_100), FRONT)[0]
    assert seen[: bins(FRONT)].sum(0).argmax() == seen[bins(FRONT) :].sum(0).argmax()


def test_views_of_bands_are_those_of_bins() -> None:
    audio = torch.cat([tone(9_000, 44_100), -tone(9_000, 44_100)])
    heard = Heard(torch.zeros(2, 11_000), audio, 44_100)

    def level(view: str) -> float:
        seen = see(heard, Front(11_000, 1022, 172, view, FRONT.highs))  # type: ignore[arg-type]
        return float(seen.square().sum((1, 2)).mean().sqrt())

    assert level("channels") == pytest.approx(level("power"))
    assert level("mono") == 0


@pytest.mark.parametrize("frames", [1, 2, 300])
def test_the_shortest_clips_have_bands(frames: int) -> None:
    seen = see(Heard(torch.ones(1, 1), torch.ones(1, frames), 44_100), FRONT)
    assert seen.shape == (1, 512 + 96, 1)
    assert seen.isfinite().all()


def test_masks_of_one_window_on_the_rows_of_another_keep_their_bands() -> None:
    short = Front(11_000, 512, 172, "channels", FRONT.highs)
    masks = torch.rand(2, bins(short) + 96, 3)
    found = through(masks, short, FRONT)
    assert found.shape == (2, bins(FRONT) + 96, 3)
    assert torch.equal(found[:, bins(FRONT) :], masks[:, bins(short) :])


def test_rows_are_interpolated_in_hertz() -> None:
    values = torch.tensor([0.0, 1.0, 3.0])[None, :, None]
    found = interpolate_rows(values, torch.tensor([0.0, 10.0, 40.0]), torch.tensor([-5.0, 0.0, 5.0, 25.0, 40.0, 99.0]))
    assert found[0, :, 0].tolist() == [0.0, 0.0, 0.5, 2.0, 3.0, 3.0]
