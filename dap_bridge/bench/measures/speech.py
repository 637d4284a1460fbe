"""How good cleaned speech is, the speech alone: SI-SDR, wideband PESQ, STOI."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from ...judging import si_sdr
from ..data.noisy_speech import SPEECH_RATE
from ..data.sounds import cut


@dataclass(frozen=True)
class SpeechScores:
    """One cleaned clip. si_sdr, si_sdri: dB, the latter over the noisy clip; pesq: MOS-LQO; stoi: 0 .. 1.

    pesq None: its package is not installed, or it hears no utterance in the clip.
    """

    si_sdr: float
    si_sdri: float
    pesq: float | None
    stoi: float


def versions() -> dict[str, str | None]:
    """The packages that give the perceptual figures, None for one that is not there: a row depends on them."""
    return {name: version(name) if importlib.util.find_spec(name) else None for name in ("pesq", "pystoi")}


def judge(clean: NDArray[np.floating], noisy: NDArray[np.floating], cleaned: NDArray[np.floating]) -> SpeechScores:
    """Judge `cleaned`, what a denoiser made of `noisy`, against `clean`: (channels, frames) each, at SPEECH_RATE.

    The longer ones are cut. PESQ and STOI are means over channels.
    """
    clean, noisy, cleaned = cut(clean, noisy, cleaned)
    value = si_sdr(clean, cleaned)
    each = [pesq_wb(*pair) for pair in zip(clean, cleaned, strict=True)]
    heard = [quality for quality in each if quality is not None]
    return SpeechScores(
        si_sdr=value,
        si_sdri=value - si_sdr(clean, noisy),
        pesq=float(np.mean(heard)) if len(heard) == len(each) else None,
        stoi=float(np.mean([stoi(*pair) for pair in zip(clean, cleaned, strict=True)])),
    )


def pesq_wb(reference: NDArray[np.floating], estimate: NDArray[np.floating]) -> float | None:
    """Wideband PESQ (ITU-T P.862.2) of signals (frames,) at SPEECH_RATE, 1 .. 4.64; None as in `SpeechScores`."""
    if not versions()["pesq"]:
        return None
    from pesq import PesqError, pesq

    if not estimate.any():  # silence has no level that PESQ could align
        return None
    value = float(pesq(SPEECH_RATE, reference, estimate, "wb", on_error=PesqError.RETURN_VALUES))
    return value if value >= 1 else None


def stoi(reference: NDArray[np.floating], estimate: NDArray[np.floating]) -> float:
    """Short-time objective intelligibility (Taal et al. 2011) of signals (frames,) at SPEECH_RATE."""
    from pystoi import stoi as measure

    return float(measure(reference, estimate, SPEECH_RATE))
