"""How good a separation is at the clip's own rate: band by band, as loud as it is heard, and where bands meet.

A preset's view of a clip ends at half of 11 kHz, and its stems go on above. Every figure is one of weighted spectra: by
Parseval's theorem, one transform of each signal will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...judging import SILENCE, TINY, best_order
from .metrics import lsd

Values = NDArray[np.float64]
Spectra = NDArray[np.complex128]

# Hz. Where the view ends: fixed, so that figures stay comparable whatever presets see.
CROSSING = 5500.0
# Hz. What lies above is not heard.
TOP = 20_000.0
BANDS = {
    "low": (0.0, CROSSING),
    "mid": (CROSSING, 11_000.0),
    "high": (11_000.0, TOP),
    "above": (CROSSING, TOP),
}
# Bands fade into each other over so many Hz on either side, as a raised cosine.
FADE_HZ = 60.0
# The step of a level across the crossing is taken between these.
BELOW_CROSSING, ABOVE_CROSSING = (4600.0, 5400.0), (5600.0, 6600.0)
# SI-SDR within a band counts no further than this, either way, so that no single clip makes a mean.
LIMIT_DB = 30.0
# A source is silent in a band this far below all of itself, and everywhere this far below the mixture.
SILENT_DB = -60.0
# The step is told of sources that have, on both sides, this much of all of themselves, and this much of the mixture.
STEP_OF_ITSELF_DB, STEP_OF_MIXTURE_DB = -55.0, -30.0
LEAK_FLOOR_DB = -40.0
# Loudness in a band of hearing goes about as its power to this exponent; a band weaker than so much of the strongest
# counts as if it had that much.
LOUDNESS, LOUDNESS_FLOOR = 0.3, 1e-9


def reached(rate: int) -> bool:
    """Whether a clip of that rate has anything above CROSSING."""
    return _has(rate, CROSSING)


def _has(rate: int, low: float) -> bool:
    return rate / 2 > low + FADE_HZ


def evaluate(
    mixture: NDArray[np.floating], references: NDArray[np.floating], stems: NDArray[np.floating], rate: int
) -> dict[str, float]:
    """Judge `stems` (sources, channels, frames) of `references`, the same shape, in `mixture` (channels, frames).

    All at one `rate` in Hz, in the order of the stems that is best in the low band. What is returned, in dB:

    gain_BAND: gain in SI-SDR, mean over the sources that are heard in the band, where at least two are.
    gain_loud: the same of everything, with each band of hearing weighed as loud as it is in the mixture.
    leak_BAND: level of the stems, against the mixture, whose sources are silent in the band while others are heard.
    lsd_above: log-spectral distance above the crossing, mean over the sources that have highs, where at least two have.
    edge: how far the step of a stem's level across the crossing, against the mixture's, is from that of its source.

    What a clip does not have is left out.
    """
    count = len(references)
    spectra = np.fft.rfft(np.concatenate([mixture[None], references, stems]).astype(np.float64))
    hertz: Values = np.fft.rfftfreq(mixture.shape[-1], 1 / rate).astype(np.float64)
    low = _si_sdr(_products(spectra, _band(hertz, *BANDS["low"])))
    order = best_order(low[1 : count + 1, count + 1 :].tolist())
    stems = stems[list(order)]
    spectra = spectra[[*range(count + 1), *(count + 1 + index for index in order)]]

    whole = _powers(spectra)
    present = _db(_sources(whole) / (whole[0] + TINY)) > SILENT_DB
    found: dict[str, float] = {}
    for name, limits in BANDS.items():
        if not _has(rate, limits[0]):
            continue
        products = _products(spectra, _band(hertz, *limits))
        reaches = _db(_sources(products.diagonal()) / (_sources(whole) + TINY)) >= SILENT_DB
        found |= _gain(name, products, present & reaches) | _leak(name, products, present & reaches)
        if name == "above" and reaches.sum() > 1:
            pairs = zip(references[reaches], stems[reaches], strict=True)
            found["lsd_above"] = float(np.mean([lsd(true, stem, rate, *limits) for true, stem in pairs]))
    found |= _gain("loud", _products(spectra, _loudness(spectra[0], hertz)), present)
    return found | (_edge(spectra, hertz, whole) if reached(rate) else {})


def means(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Each figure's mean over the clips that have it, to a thousandth of a dB."""
    names = dict.fromkeys(name for figures in found for name in figures)
    return {name: round(float(np.mean([each[name] for each in found if name in each])), 3) for name in names}


def _band(hertz: Values, low: float, high: float) -> Values:
    """Gains: 1 within, 0 without; a band that reaches to 0 or to Nyquist has no edge there."""
    gains = np.ones_like(hertz)
    if low > 0:
        gains *= _rise(hertz, low)
    if high < hertz[-1]:
        gains *= 1 - _rise(hertz, high)
    return gains


def _rise(hertz: Values, at: float) -> Values:
    rise: Values = 0.5 + 0.5 * np.sin(np.clip((hertz - at) / FADE_HZ, -1, 1) * np.pi / 2)
    return rise


def _loudness(mixture: Spectra, hertz: Values) -> Values:
    """Gains that bring every band of hearing of the mixture, (channels, bins), from its power to its loudness."""
    erb = 21.4 * np.log10(1 + 0.00437 * hertz)  # ERB rate, Glasberg and Moore 1990
    bands = int(np.interp(TOP, hertz, erb)) + 1
    power = np.bincount(erb.astype(int), np.sum(np.abs(mixture) ** 2, axis=0))[:bands] + TINY
    power = np.maximum(power, LOUDNESS_FLOOR * power.max())
    logarithms = (LOUDNESS - 1) / 2 * np.log(power)
    gains: Values = np.exp(np.interp(erb, np.arange(bands) + 0.5, logarithms)) * (hertz < TOP)
    return gains


def _products(spectra: Spectra, gains: Values) -> Values:
    """Inner products of every two signals within a band: (signals, channels, bins) -> (signals, signals)."""
    weighed = (spectra * gains).reshape(len(spectra), -1)
    products: Values = (weighed @ weighed.conj().T).real
    return products


def _powers(spectra: Spectra) -> Values:
    """(signals, channels, bins) -> (signals,)."""
    powers: Values = np.sum(np.abs(spectra) ** 2, axis=(1, 2))
    return powers


def _sources(values: Values) -> Values:
    """Those of the references, of values (signals,): the mixture, the references, the stems."""
    return values[1 : len(values) // 2 + 1]


def _stems(values: Values) -> Values:
    return values[len(values) // 2 + 1 :]


def _si_sdr(products: Values) -> Values:
    """What `judging.si_sdr` says of every signal as a reference and every signal as its estimate, within LIMIT_DB."""
    energies = products.diagonal()
    target = products**2 / (energies[:, None] + TINY)
    ratio = (target + TINY) / np.maximum(energies - target, TINY)
    silent = energies < SILENCE * energies[:, None]
    return np.where(silent, -LIMIT_DB, np.clip(_db(ratio), -LIMIT_DB, LIMIT_DB))


def _gain(name: str, products: Values, heard: NDArray[np.bool_]) -> dict[str, float]:
    if heard.sum() < 2:
        return {}
    table = _si_sdr(products)
    after = table.diagonal(len(heard))[1:]  # each reference's own stem
    return {f"gain_{name}": float(np.mean((after - _sources(table[:, 0]))[heard]))}


def _leak(name: str, products: Values, heard: NDArray[np.bool_]) -> dict[str, float]:
    if heard.all() or not heard.any():
        return {}
    powers = products.diagonal()
    levels = _db(_stems(powers)[~heard] / (powers[0] + TINY))
    return {f"leak_{name}": float(np.mean(np.maximum(levels, LEAK_FLOOR_DB)))}


def _edge(spectra: Spectra, hertz: Values, whole: Values) -> dict[str, float]:
    sides = [_powers(spectra[..., (hertz > low) & (hertz < high)]) for low, high in (BELOW_CROSSING, ABOVE_CROSSING)]
    of_itself = np.array([_db(_sources(side) / (_sources(whole) + TINY)) for side in sides])
    of_mixture = np.maximum([_db(side / (side[0] + TINY)) for side in sides], STEP_OF_MIXTURE_DB)
    true, made = (np.array([part(side) for side in of_mixture]) for part in (_sources, _stems))
    told = (of_itself.min(0) >= STEP_OF_ITSELF_DB) & (true.min(0) > STEP_OF_MIXTURE_DB)
    return {"edge": float(np.mean(np.abs(np.diff(made - true, axis=0))[0, told]))} if told.any() else {}


def _db(ratio: Values) -> Values:
    decibels: Values = 10 * np.log10(np.maximum(ratio, TINY))
    return decibels
