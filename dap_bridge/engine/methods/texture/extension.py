"""More of a texture: new latents, a generator that draws their spectrogram, phase of its own, the clip's statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import seeds
from ...events import Made, Note, Step, StepCounter, relay
from ...signal.auditory import FilterBank
from ...signal.phase import continued, fast_griffin_lim, joined
from ...signal.stft import frame_count
from .generator import TextureGenerator, log_unrest, optimise_generator, timeline
from .matching import match
from .original import Original, doubts, listen
from .recipe import TextureRecipe


def extend(
    before: Tensor,
    after: Tensor | None,
    frames: int,
    rate: int,
    recipe: TextureRecipe,
    *,
    block: int,
    fade: int,
    variation: float,
    results: int,
    seed: int,
    device: torch.device,
) -> Iterator[Step | Note | Made]:
    """What goes on after `before` for so many frames and, where `after` is given, leads into it.

    before, after: (channels, any number of frames) at `rate`; recipe.source_s of each, next to the joint, are looked
    at. variation: 0 keeps to mixtures of the original's own latents, 1 forgets them. Yields so many results, each
    different, one after the other, in pieces of about `block` frames that fade into each other over `fade` frames:
    memory does not depend on `frames`, and time is in proportion to it.
    """
    original = listen(before.to(device), None if after is None else after.to(device), rate, recipe)
    if original is None:
        yield Note("The clip is silent, and so is what was made of it.")
        for index in range(results):
            for start in range(0, frames, block):
                yield Made(index, before.new_zeros(len(before), min(block, frames - start)))
        return
    reason = doubts(before, rate, recipe.steadiness)
    if reason:
        yield Note(reason)
    spans = _spans(frames, block, original.hop * 2**recipe.fit.network.halvings)
    counter = StepCounter(_units(recipe, results * len(spans)))
    optimising = optimise_generator(original, recipe, seeds.generator(seed, -1))
    model = yield from relay(optimising, lambda at: counter.step("optimising", loss=float(at.loss)))
    for index in range(results):
        artist = _Artist(model, original, recipe, frames, fade, variation, seeds.generator(seed, index))
        for start, end in spans:
            yield from artist.draw(start, end, counter)
            yield Made(index, (original.directions @ artist.piece).cpu())


def _spans(frames: int, block: int, unit: int) -> list[tuple[int, int]]:
    """Starts and ends of the pieces: whole latents each but for the last, which is at least half a block of two."""
    length = max(1, round(block / unit)) * unit
    count = max(1, round(frames / length))
    starts = [length * i for i in range(count)]
    return list(zip(starts, [*starts[1:], frames], strict=True))


def _distance(where: Tensor, frames: int) -> Tensor:
    """How far each of so many frames is from the nearest sample of `where` (samples,), in frames: (frames,)."""
    near = F.adaptive_max_pool1d(where.float()[None], frames)[0].nonzero()[:, 0]
    return (torch.arange(frames, device=where.device)[:, None] - near).abs().amin(1)


def _units(recipe: TextureRecipe, pieces: int) -> int:
    """How much there is to do; each step of generator, phase and matching counts one."""
    each = recipe.phase.iterations + recipe.matching.rounds * recipe.matching.iterations
    return recipe.fit.iterations + pieces * each


class _Artist:
    """Draws one result piece by piece; what passes from a piece to the next is a fraction of a second.

    piece: (components, samples), the one just drawn.
    """

    piece: Tensor

    def __init__(
        self,
        model: TextureGenerator,
        original: Original,
        recipe: TextureRecipe,
        frames: int,
        fade: int,
        variation: float,
        generator: torch.Generator,
    ) -> None:
        self._model, self._original, self._recipe, self._generator = model, original, recipe, generator
        self._frames = frames
        self._unit = original.hop * model.step
        # whole latents, so that frames and latents of every piece fall on one grid
        wanted = max(1, round(recipe.context_s * original.rate / self._unit)) * self._unit
        self._context = min(wanted, max(self._unit, original.before.shape[1] // self._unit * self._unit))
        self._fade = max(1, fade)
        self._joint = max(1, round(recipe.joint.seconds * original.rate))
        self._latents = timeline(model, math.ceil(frames / self._unit), self._margin, recipe.path, variation, generator)
        self._left = F.pad(original.before, (self._context, 0))[:, -self._context :]
        self._lead_in = self._predicted(original.before)

    @property
    def _margin(self) -> int:
        """Latents beyond what is drawn that a drawn frame may depend on: of context, and of the convolutions' reach."""
        return self._context // self._unit + self._model.reach

    def draw(self, start: int, end: int, counter: StepCounter) -> Iterator[Step]:
        """The piece from frame `start` to `end`; afterwards it is `piece`."""
        last = end == self._frames
        right = self._original.after if last else None
        beyond = self._context if last else self._fade
        size, stop = self._context + end - start + beyond, self._context + end - start
        known, where = self._known(right, size, stop)
        noise = torch.randn(known.shape, generator=self._generator).to(known.device)
        phase, envelopes, matching = self._recipe.phase, self._recipe.envelopes, self._recipe.matching
        inventing = fast_griffin_lim(
            self._magnitude(start, size, noise),
            noise,
            self._original.n_fft,
            self._original.hop,
            iterations=phase.iterations,
            momentum=phase.momentum,
            known=known,
            where=where,
        )
        audio = yield from relay(inventing, lambda _: counter.step("drawing"))
        if end - start >= matching.least_s * self._original.rate:
            bank = FilterBank(size, self._original.rate, envelopes, known.device)
            share = self._share(start, torch.linspace(0, size, bank.frames, device=known.device))
            correcting = match(
                audio,
                bank,
                self._original.statistics,
                self._original.heard,
                free=_distance(where, bank.frames) / (self._context / size * bank.frames),
                trend=self._original.trend(share),
                envelopes=envelopes,
                matching=matching,
            )
            audio = yield from relay(correcting, lambda _: counter.step("matching"))
        self._finish(audio, right, stop)

    def _share(self, start: int, samples: Tensor) -> Tensor:
        """How much of all that is made has passed at so many samples of the piece from `start`, context included."""
        return ((start - self._context + samples) / self._frames).clamp(0, 1)

    def _known(self, right: Tensor | None, size: int, stop: int) -> tuple[Tensor, Tensor]:
        """What is there already, and where: context on the left and, before recorded sound, on the right."""
        known = self._left.new_zeros(len(self._left), size)
        where = torch.zeros(size, dtype=torch.bool, device=known.device)
        known[:, : self._context] = self._left
        where[: self._context] = True
        if right is not None:
            head = right[:, : size - stop]
            known[:, stop : stop + head.shape[1]] = head
            where[stop : stop + head.shape[1]] = True
        return known, where

    def _magnitude(self, start: int, size: int, noise: Tensor) -> Tensor:
        """What the generator draws, and the unrest of noise where it draws too smoothly: (components, bins, frames)."""
        frames = frame_count(size, self._original.hop)
        reach = self._model.reach
        first = (start - self._context) // self._unit
        latents = self._latents(first - reach, first + math.ceil(frames / self._model.step) + reach)
        share = self._share(start, torch.arange(frames, device=noise.device) * self._original.hop)
        logs = self._model.draw(latents, reach * self._model.step, share)
        unrest = log_unrest(noise, self._original)
        magnitude: Tensor = (logs + self._model.speckle[:, None] * unrest).exp().unflatten(0, (len(noise), -1))
        return magnitude

    def _finish(self, audio: Tensor, right: Tensor | None, stop: int) -> None:
        """Join the drawn piece to what lies around it, and keep what the next one needs."""
        drawn = audio[:, self._context : stop].clone()
        over = min(self._lead_in.shape[1], drawn.shape[1])
        drawn[:, :over] = joined(self._lead_in[:, :over], drawn[:, :over])
        if right is not None:
            # the same in mirror image: time runs towards the joint from both sides
            lead_out = self._predicted(right.flip(1))[:, : drawn.shape[1]]
            over = lead_out.shape[1]
            drawn[:, -over:] = joined(lead_out, drawn[:, -over:].flip(1)).flip(1)
        self.piece = drawn
        self._left = torch.cat([self._left, drawn], dim=1)[:, -self._context :]
        self._lead_in = audio[:, stop : stop + self._fade]

    def _predicted(self, audio: Tensor) -> Tensor:
        """How recorded sound would go on for a moment."""
        joint = self._recipe.joint
        return continued(audio[:, -joint.context * joint.order :], self._joint, joint.order, self._generator)
