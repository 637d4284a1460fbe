"""The numbers of a separation, as presets give them: no defaults here, every value stands in presets/*.toml.

Standard library only, so that presets can be checked without loading torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal


class Section:
    """A table of a preset. An unknown key in it is an error, not a silent no-op."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True)
class Front(Section):
    """What the fit looks at: a spectrogram of the clip at a rate of its own."""

    rate: int  # Hz
    n_fft: int  # samples at `rate`
    hop: int  # samples at `rate`
    view: Literal["power", "mono", "channels"]  # root of the mean power over channels | their mean | each channel apart


@dataclass(frozen=True)
class Stems(Section):
    """How masks become stems: the resolution of the clip's own spectrogram, in time, so that it suits any rate."""

    window_s: float  # seconds; rounded up to the next power of two in samples
    overlap: int  # windows over any one sample (hop = n_fft / overlap); at least 4
    tail_octaves: float  # band below the front's upper edge whose shares also go to everything above it
