"""The noise's profile: what stretches in which it is alone teach of it, and how a clip is explained by that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import seeds
from ...recipe import Front
from ...signal.rows import Heard, hertz, see
from ...tiny import TINY
from ..consensus.components import descend, uniform
from ..method import Alone, Example, Hints, Read
from .cleaning import KnownLevel, cleaned_levels, known_level
from .recipe import DenoisingRecipe
from .recipe import Profile as Numbers

SPEECH, NOISE = 0, 1
_FADE_S = 0.005


def stretches(read: Read, hints: Hints, most_s: float) -> list[Example]:
    """All that is known to be noise alone, examples and spans of the clip alike, no more than `most_s` seconds."""
    found: list[Example] = []
    left = most_s
    spans = (_cut(read(index), span) for index, own in hints.alone.items() for span in own if span.stem == NOISE)
    for example in (*spans, *hints.examples):
        if left <= 0:
            break
        heard = example.heard
        found.append(Example(_first(heard, left), example.own, example.top))
        left -= heard.audio.shape[1] / heard.rate
    return found


def _cut(heard: Heard, span: Alone) -> Example:
    scale = heard.view.shape[1] / heard.audio.shape[1]
    view = heard.view[:, round(span.first * scale) : max(round(span.last * scale), round(span.first * scale) + 1)]
    return Example(Heard(view, heard.audio[:, span.first : span.last], heard.rate), own=True, top=heard.rate / 2)


def _first(heard: Heard, seconds: float) -> Heard:
    frames = max(1, round(seconds * heard.rate))
    if frames >= heard.audio.shape[1]:
        return heard
    samples = max(1, round(heard.view.shape[1] * frames / heard.audio.shape[1]))
    return Heard(heard.view[:, :samples], heard.audio[:, :frames], heard.rate)


@dataclass(frozen=True)
class Spectra:
    """The noise's spectra: (runs, views x rows, components), columns summing to one, of as many rows as are known."""

    held: Tensor
    rows: int


@dataclass(frozen=True)
class Profile:
    """What is known of the noise; all of it None where nothing is.

    of_view, of_audio: its level in each bin, see `cleaning.noise_floor`, in the view of a clip and in the clip itself;
    left: of the clip's own noise alone once that is gone, as `cleaning.cleaned_levels` gives it, on the CPU.
    """

    recipe: Numbers
    front: Front
    spectra: Spectra | None = None
    of_view: KnownLevel | None = None
    of_audio: KnownLevel | None = None
    left: Tensor = field(default_factory=lambda: torch.zeros(0))

    @classmethod
    def of(cls, read: Read, hints: Hints, recipe: DenoisingRecipe, seed: int, device: torch.device) -> Profile:
        """What a user's hints teach."""
        front = recipe.separation.front
        found = stretches(read, hints, recipe.profile.most_s)
        if not found:
            return cls(recipe.profile, front)
        trusted = [one for one in found if one.own]
        of_view, of_audio = (
            known_level(
                [(getattr(one.heard, name).to(device), one.top) for one in trusted or found],
                rate,
                recipe.floor,
                own=bool(trusted),
            )
            for name, rate in (("view", front.rate), ("audio", found[0].heard.rate))
        )
        views = [one.heard.view.mean(0).to(device) for one in trusted]
        left = [cleaned_levels(view, front.rate, recipe, of_view).cpu() for view in views]
        spectra = learn(found, front, recipe.profile, seeds.generator(seed, -1), device)
        return cls(recipe.profile, front, spectra, of_view, of_audio, torch.cat([torch.zeros(0), *left]))

    def explain(self, seen: Tensor, spans: Sequence[Alone], rate: int, generator: torch.Generator) -> Tensor:
        """The speech's mask, (rows, frames), where what the noise's spectra do not explain is speech; one half where
        these say nothing.

        seen: magnitudes (views, rows, frames). V = A^c / mean ~ [W_s W_n] H minimises the Kullback-Leibler divergence,
        W_n held, H nil where its sound is silent.
        """
        assert self.spectra is not None
        recipe, held = self.recipe, self.spectra.held
        v = _level(seen[:, : self.spectra.rows], recipe)
        free = uniform(recipe.runs, len(v), recipe.speech, generator=generator).to(v.device)
        free /= free.sum(1, keepdim=True)
        h = uniform(recipe.runs, recipe.speech + recipe.noise, v.shape[1], generator=generator).to(v.device) * v.sum(0)
        counts = torch.tensor([recipe.speech, recipe.noise], device=v.device)
        heard = (~silences(spans, rate, self.front, v.shape[1], v.device)).to(v.dtype).repeat_interleave(counts, 0)
        for _ in range(recipe.updates):
            w = torch.cat([free, held], dim=2)
            h = (h * (w.mT @ (v / (w @ h).clamp(min=TINY))) ** recipe.relaxation * heard).clamp(min=TINY)
            speech = h[:, : recipe.speech]
            ratio = (v / (w @ h).clamp(min=TINY)) @ speech.mT / speech.sum(2)[:, None]
            free = (free * ratio**recipe.relaxation).clamp(min=TINY)
            free /= free.sum(1, keepdim=True)
        sounds = (free @ h[:, : recipe.speech], held @ h[:, recipe.speech :])
        parts = [sound.unflatten(1, (len(seen), -1)).sum(1) for sound in sounds]
        whole = (parts[0] + parts[1]).clamp(min=TINY)
        powers = [(part / whole) ** (1 / recipe.compression) + TINY for part in parts]
        mask = (powers[0] / (powers[0] + powers[1])).mean(0)
        return F.pad(mask, (0, 0, 0, seen.shape[1] - len(mask)), value=0.5)


def learn(
    examples: Sequence[Example], front: Front, recipe: Numbers, generator: torch.Generator, device: torch.device
) -> Spectra:
    """Explain the noise alone: V ~ W H as components are (`components.descend`)."""
    seen = [see(example.heard.to(device), front) for example in examples]
    middles = hertz(front, examples[0].heard.rate, seen[0].shape[1], device)
    rows = max(1, int((middles <= min(example.top for example in examples)).sum()))
    v = torch.cat([_level(one[:, :rows], recipe) for one in seen], dim=1)
    w = uniform(recipe.runs, len(v), recipe.noise, generator=generator).to(device)
    h = uniform(recipe.runs, recipe.noise, v.shape[1], generator=generator).to(device)
    w /= w.sum(1, keepdim=True)
    for _ in descend(v, w, h, v.new_full(w.shape[1:], TINY), recipe.learning, recipe.relaxation):
        pass
    return Spectra(w, rows)


@dataclass
class Belief:
    """How far a separation that knew nothing of the noise is to be believed, chunk by chunk.

    overlap: power that either of its sounds shares with the speech as the profile explains it, and all of its own;
    leaked: power of either sound where noise is known to be alone.
    """

    overlap: Tensor = field(default_factory=lambda: torch.zeros(2, 2))
    leaked: Tensor = field(default_factory=lambda: torch.zeros(2))
    confidences: list[float] = field(default_factory=list)

    def learn(
        self,
        masks: Tensor,
        explained: Tensor,
        seen: Tensor,
        spans: Sequence[Alone],
        rate: int,
        front: Front,
        confidence: float | None,
    ) -> None:
        """masks: (2, rows, frames), of the separation; explained: (rows, frames), of the speech; seen: magnitudes."""
        power = seen.square().sum(0)
        own = masks * power
        self.overlap += torch.stack([(own * explained).sum((1, 2)), own.sum((1, 2))], 1)
        silent = silences(spans, rate, front, masks.shape[2], masks.device)[SPEECH]
        self.leaked += (masks.square() * power)[..., silent].sum((1, 2))
        self.confidences.append(0.0 if confidence is None else confidence)

    def speech(self, likeness: Sequence[float], recipe: Numbers) -> int:
        """Which of its sounds is the speech: that which is less noise, and more like speech (`speech_likeness`)."""
        shared = self.overlap[:, 0] / self.overlap[:, 1].clamp(min=TINY)
        return int((shared * torch.tensor(likeness) ** recipe.likeness).argmax())

    def of(self, speech: int, recipe: Numbers) -> float:
        """0 .. 1: the more confident it is, and the less of the noise alone it takes for speech."""
        leak = float(self.leaked[speech] / self.leaked.sum().clamp(min=TINY))
        trust = sum(self.confidences) / len(self.confidences) * max(0.0, 1 - leak / recipe.leak)
        doubted, believed = recipe.trust
        return min(1.0, max(0.0, (trust - doubted) / (believed - doubted)))


def hold(speech: Tensor, heard: Heard, spans: Sequence[Alone], residue: float) -> Tensor:
    """The speech (channels, frames) of a chunk where it is known: `residue` of what is heard where it is silent, all of
    it where it is alone. From either end of a span it fades in over a few milliseconds.
    """
    for span in spans:
        frames = span.last - span.first
        edge = min(round(_FADE_S * heard.rate), frames // 2) + 1
        at = torch.arange(1, frames + 1, device=speech.device, dtype=speech.dtype)
        known = torch.minimum(at, at.flip(0)).div(edge).clamp(max=1)
        inside = slice(span.first, span.last)
        wanted = heard.audio[:, inside] * (residue if span.stem == NOISE else 1.0)
        speech[:, inside] = torch.lerp(speech[:, inside], wanted, known)
    return speech


def _level(seen: Tensor, recipe: Numbers) -> Tensor:
    """A^c / mean of magnitudes (views, rows, frames): (views x rows, frames)."""
    compressed = seen.flatten(0, 1) ** recipe.compression
    return compressed / compressed.mean().clamp(min=TINY)


def silences(spans: Sequence[Alone], rate: int, front: Front, frames: int, device: torch.device) -> Tensor:
    """(2, frames), where speech and noise are silent: all of a frame's window lies where the other one is alone."""
    silent = torch.zeros(2, frames, dtype=torch.bool, device=device)
    at = torch.arange(frames, device=device) * (front.hop / front.rate)
    half = front.n_fft / front.rate / 2
    for span in spans:
        inside = (at - half >= span.first / rate - (half if span.first == 0 else 0)) & (at + half <= span.last / rate)
        silent[1 - span.stem] |= inside
    return silent
