"""SEGAN's generator (Pascual, Bonafonte, Serrà 2017), with weights from the file of its public implementation.

The shallower `segan+` of github.com/santi-pdp/segan_pytorch (MIT): five strided convolutions, five transposed ones, the
latent beside the code, skips taken before the activation. Modules are called as in its checkpoints.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.signal import lfilter
from torch import Tensor, nn

from ...errors import BadRequest
from .checkpoint import CHECKPOINT

CHANNELS = (64, 128, 256, 512, 1024)
WIDTH, STRIDE = 31, 4
WINDOW = 16_384  # samples at 16 kHz
PRE_EMPHASIS = 0.95


class Down(nn.Module):
    """A quarter of the frames: (batch, inputs, frames) -> activated and as it was, (batch, outputs, frames / 4)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, WIDTH, STRIDE)
        self.act = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        linear = self.conv(F.pad(x, (WIDTH // 2 - 1, WIDTH // 2), mode="reflect"))
        return self.act(linear), linear


class Up(nn.Module):
    """Four times the frames: (batch, inputs, frames) -> (batch, outputs, 4 frames)."""

    def __init__(self, inputs: int, outputs: int, last: bool) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose1d(inputs, outputs, WIDTH, STRIDE, padding=(WIDTH - STRIDE) // 2)
        self.act = nn.Tanh() if last else nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.act(self.deconv(x)[..., :-1])  # an odd kernel leaves one sample too many
        return made


class Skip(nn.Module):
    """A gain a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.skip_k = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.skip_k * x


class Generator(nn.Module):
    """Speech from noisy speech, both pre-emphasised: channels, of each level; latent, channels beside the code."""

    def __init__(self, channels: Sequence[int] = CHANNELS, latent: int = CHANNELS[-1]) -> None:
        super().__init__()
        self.latent = latent
        self.enc_blocks = nn.ModuleList(Down(i, o) for i, o in zip((1, *channels[:-1]), channels, strict=True))
        for level, count in enumerate(channels[:-1]):
            self.add_module(f"alpha_{level}", Skip(count))
        inputs = (channels[-1] + latent, *(2 * count for count in reversed(channels[:-1])))
        outputs = (*reversed(channels[:-1]), 1)
        self.dec_blocks = nn.ModuleList(
            Up(*sizes, last=level == len(channels)) for level, sizes in enumerate(zip(inputs, outputs, strict=True), 1)
        )

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """x: (batch, 1, WINDOW); z: (1, latent, frames of the code), the same for the whole batch."""
        skips = []
        for block in self.enc_blocks:
            x, linear = block(x)
            skips.append(linear)
        x = torch.cat((z.expand(len(x), -1, -1), x), dim=1)
        for level, block in zip(reversed(range(len(skips))), self.dec_blocks, strict=True):
            if level < len(skips) - 1:
                x = torch.cat((x, self.get_submodule(f"alpha_{level}")(skips[level])), dim=1)
            x = block(x)
        return x


def load(path: Path) -> Generator:
    """The generator with the weights of the checkpoint `path`: a state dictionary, alone or as `state_dict` of another.

    Nothing but tensors is unpickled. The numbers of channels are the file's. Raises BadRequest.
    """
    hint = f"Expected the public implementation's {CHECKPOINT}."
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise BadRequest(f"{path} is no checkpoint of SEGAN: {str(error).splitlines()[0]}", hint) from error
    state = found.get("state_dict", found) if isinstance(found, Mapping) else {}
    try:
        channels = [state[f"enc_blocks.{level}.conv.weight"].shape[0] for level in range(len(CHANNELS))]
        latent = state["dec_blocks.0.deconv.weight"].shape[0] - channels[-1]
        generator = Generator(channels, latent)
        generator.load_state_dict(state)
    except (KeyError, AttributeError, RuntimeError) as error:
        raise BadRequest(f"{path} holds other weights than SEGAN's generator.", hint) from error
    return generator.eval()


@torch.inference_mode()
def enhance(noisy: NDArray[np.floating], generator: Generator, seed: int) -> NDArray[np.float64]:
    """Speech (frames,) from `noisy` (frames,), both at 16 kHz: window by window, with one latent for all of them."""
    frames = len(noisy)
    emphasised = lfilter([1, -PRE_EMPHASIS], [1], noisy)
    padded = np.pad(emphasised, (0, -frames % WINDOW)).reshape(-1, 1, WINDOW)
    code = WINDOW // STRIDE ** len(generator.enc_blocks)
    z = torch.randn(1, generator.latent, code, generator=torch.Generator().manual_seed(seed))
    made = torch.cat([generator(window[None], z) for window in torch.from_numpy(padded).float()])
    speech: NDArray[np.float64] = lfilter([1], [1, -PRE_EMPHASIS], made.numpy().astype(np.float64).reshape(-1)[:frames])
    return speech
