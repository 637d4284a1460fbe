"""A file opened for reading, by whoever reads its kind to the sample.

libsndfile reads what stores its samples one by one, and FLAC, in place. Every other codec is decoded once, from
beginning to end: in mp3 and Vorbis libsndfile finds places near to the right one. ffmpeg decodes what libsndfile does
not read.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from ... import times
from ...errors import ClipUnreadable
from . import ffmpeg, mpeg, ogg
from .decoded import Decoded, keep
from .kinds import Kind, kind, open_regular
from .sizes import Samples, samples
from .view import View

Answer = TypeVar("Answer")
Checkpoint = Callable[[], None]
# What libsndfile, or what stands in for it, raises at a file it cannot read.
REFUSALS = (soundfile.LibsndfileError, RuntimeError, OSError, ValueError)

# In these libsndfile finds every sample again.
EXACT = {"FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"} | {
    f"PCM_{bits}" for bits in ("S8", "U8", "16", "24", "32")
}
# The fewest bits of a sample in them.
LEAST_BITS = 4
# Frames that a byte may hold, silence in FLAC and Ogg: a header that says more is wrong.
DENSEST = 1 << 13
# Sound that anybody keeps lies between these, in Hz: from the ground's movements to bats and beyond.
LOWEST_RATE, HIGHEST_RATE = 100, 10_000_000
# FLAC counts in 36 bits.
MOST_FLAC = (1 << 36) - 1
BLOCK_FRAMES = 1 << 16
# mpg123 believes the bit rate of the first frame; the lowest is a 40th of the highest.
MPEG_SPREAD = 64
# Where the operating system has decoders of its own.
SYSTEM_READS = {"darwin": (Kind.MPEG4,), "win32": (Kind.MPEG4, Kind.ASF)}


class Source(Protocol):
    """Samples of a file. rate: Hz."""

    rate: int
    channels: int
    frames: int

    def read(self, start: int, frames: int) -> NDArray[np.float32]: ...

    def close(self) -> None: ...


class _SoundFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file that libsndfile reads on and on. soundfile seeks after every read of a file that can be seeked in, which
    fails at a FLAC's end and goes astray in others."""

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        super().close()
        if isinstance(self.name, View):
            self.name.close()


class _InPlace:
    """What libsndfile finds again by its number."""

    def __init__(self, sound: _SoundFile) -> None:
        self._sound = sound
        self.rate, self.channels, self.frames = sound.samplerate, sound.channels, sound.frames

    def read(self, start: int, frames: int) -> NDArray[np.float32]:
        """(channels, frames), fewer at the end."""
        self._sound.seek(start)
        audio: NDArray[np.float32] = self._sound.read(frames, dtype="float32", always_2d=True).T
        return audio

    def close(self) -> None:
        self._sound.close()


@dataclass
class _File:
    """What is known of a file before it is read. first: where it begins, behind tags."""

    path: Path
    file: BinaryIO
    size: int
    first: int


@dataclass
class _Plan:
    """How libsndfile reads a file.

    sound: the file opened; following: what is chained to it. in_place: whether it need not be decoded first.
    claimed: frames that the header says there are, 0 where it does not; block: so many are decoded at a time.
    """

    sound: _SoundFile
    in_place: bool = False
    claimed: int = 0
    block: int = BLOCK_FRAMES
    following: Sequence[Callable[[], _SoundFile]] = ()
    warnings: list[str] = field(default_factory=list)


def open_file(path: Path, checkpoint: Checkpoint = lambda: None) -> tuple[Source, tuple[str, ...]]:
    """The file's samples, and what should be known of it where it is not as it says.

    checkpoint is called again and again while the file is decoded, and may raise. Raises ClipUnreadable, and
    OutputUnwritable where what was decoded finds no room.
    """
    with open_regular(path) as file:
        known, first = kind(file)
        about = _File(path, file, os.fstat(file.fileno()).st_size, first)
        plan = _planned(about, known)
        if isinstance(plan, str):
            return _by_others(about, known, checkpoint, plan)
        return _carry_out(plan, about, checkpoint)


def rate_of(path: Path) -> int:
    """The file's rate in Hz, as far as that goes without decoding all of it. Raises as `open_file` does."""
    with open_regular(path) as file:
        known, first = kind(file)
        about = _File(path, file, os.fstat(file.fileno()).st_size, first)
        plan = _planned(about, known)
        if not isinstance(plan, str):
            with plan.sound as sound:
                return int(sound.samplerate)
        if ffmpeg.command():
            return _by_ffmpeg(about, known, plan, ffmpeg.rate)
        source, _ = _by_others(about, known, lambda: None, plan)
        source.close()
        return source.rate


def _planned(about: _File, known: Kind | None) -> _Plan | str:
    """How libsndfile reads the file, or why it does not. Raises ClipUnreadable at what nobody could."""
    if known is None or known not in _PLANS:
        return "its first bytes are of no kind that is read here"
    try:
        return _PLANS[known](about, known)
    except REFUSALS as error:
        return _reason(error)


def _carry_out(plan: _Plan, about: _File, checkpoint: Checkpoint) -> tuple[Source, tuple[str, ...]]:
    sound = plan.sound
    if plan.in_place:
        return _InPlace(sound), tuple(plan.warnings)
    with sound:
        ends: list[str] = []
        decoded = keep(_blocks(plan, about, checkpoint, ends), sound.samplerate, sound.channels)
    if decoded.frames < plan.claimed:
        plan.warnings.append(_short(about.path, decoded.frames, plan.claimed, decoded.rate))
    elif ends:
        at = times.show(decoded.frames / decoded.rate)
        plan.warnings.append(f"{about.path} is damaged at {at}; what follows was not read: {ends[0]}.")
    if ends and decoded.frames == 0:
        decoded.close()
        raise ClipUnreadable(f"{about.path} cannot be read: {ends[0]}.")
    return decoded, tuple(plan.warnings)


def _blocks(plan: _Plan, about: _File, checkpoint: Checkpoint, ends: list[str]) -> Iterator[NDArray[np.float32]]:
    """All samples, in order; why they ended, where it was not for the file's end, goes to `ends`."""
    frames = 0
    first = plan.sound
    for open_next in (lambda: first, *plan.following):
        with open_next() as sound:
            if (sound.samplerate, sound.channels) != (first.samplerate, first.channels):
                raise _changed(about.path, frames, first, sound.channels, sound.samplerate)
            while True:
                checkpoint()
                try:
                    block = sound.read(plan.block, dtype="float32", always_2d=True)
                except REFUSALS as error:
                    ends.append(_reason(error))
                    return
                if not len(block):
                    break
                frames += len(block)
                _require_possible(about.path, frames, about.size)
                yield block


def _opened(source: Path | View, path: Path) -> _SoundFile:
    """Raises one of REFUSALS, or ClipUnreadable at what cannot be."""
    with ExitStack() as opening:
        if isinstance(source, View):
            opening.callback(source.close)
        # names on Linux are bytes, and need not be text
        named = os.fsencode(source) if isinstance(source, Path) and os.name != "nt" else source
        sound: _SoundFile = opening.enter_context(_SoundFile(named))
        _require_rate(path, sound.samplerate)
        opening.pop_all()
        return sound


def _seen(about: _File, sized: Samples | None = None) -> Path | View:
    """What libsndfile opens: the file itself where it is as it should be."""
    if sized and sized.head:
        return View(about.path, sized.start, head=sized.head)
    if about.first or (sized and sized.mended):
        return View(about.path, about.first, mended=sized.mended if sized else None)
    return about.path


def _stored(about: _File, known: Kind) -> _Plan:
    """A container that says how many bytes of samples follow."""
    sized = samples(known, about.file, about.size) if about.first == 0 else None
    sound = _opened(_seen(about, sized), about.path)
    possible = sound.frames * sound.channels * LEAST_BITS <= about.size * 8
    plan = _Plan(sound, in_place=possible and sound.subtype in EXACT)
    if sized and sized.there < sized.claimed:
        claimed = sound.frames * sized.claimed / max(1, sized.there)
        plan.warnings.append(_short(about.path, sound.frames, claimed, sound.samplerate))
    return plan


def _flac(about: _File, known: Kind) -> _Plan:
    """The header counts the samples; 0 stands for a number that was not known."""
    about.file.seek(about.first)
    head = about.file.read(26)
    if len(head) < 26:
        raise ValueError("it ends within its header")
    block, claimed = struct.unpack(">H", head[10:12])[0], int.from_bytes(head[21:26], "big") & MOST_FLAC
    _require_possible(about.path, claimed, about.size)

    def counting(frames: int) -> _SoundFile:
        mended = {about.first + 21: bytes([head[21] & 0xF0 | frames >> 32]) + struct.pack(">I", frames & 0xFFFFFFFF)}
        return _opened(View(about.path, about.first, mended=mended), about.path)

    # Told of twice as many, libFLAC looks beyond the count, and finds what is near the end by halving.
    if claimed and _is_length(counting(min(2 * claimed, MOST_FLAC)), claimed):
        return _Plan(_opened(_seen(about), about.path), in_place=True)
    # As much at once as one of FLAC's own blocks: of a block that ends in damage libsndfile hands nothing on.
    return _Plan(counting(0), claimed=claimed, block=max(block, 1))


def _is_length(sound: _SoundFile, frames: int) -> bool:
    """Whether there are so many frames, and not one more; closes the file."""
    with sound:
        try:
            sound.seek(frames - 1)
            return len(sound.read(2)) == 1
        except REFUSALS:
            return False


def _mpeg(about: _File, known: Kind) -> _Plan:
    """A Xing or Info frame may count the frames; the frames themselves are counted."""
    stream = mpeg.walk(about.file, about.first, about.size)
    claimed = (stream.claimed or 0) * stream.samples if stream.miscounted else 0
    _require_possible(about.path, claimed, about.size)
    said = MPEG_SPREAD * about.size if stream.claimed is None else None
    mended = stream.counted() if stream.miscounted else {}
    sound = _opened(View(about.path, stream.first, stream.end, mended=mended, said=said), about.path)
    if stream.changed:
        samples_before = stream.frames * stream.samples
        raise _changed(about.path, samples_before, sound, stream.changed.channels, stream.changed.rate)
    sound.seek(0)  # else mpg123 begins with other roundings than for whoever seeks
    return _Plan(sound, claimed=claimed, block=stream.samples)


def _ogg(about: _File, known: Kind) -> _Plan:
    """Several streams may be chained, of which libsndfile sees one."""
    links = ogg.links(about.file, about.size)
    if not links:
        raise ValueError("no page of it is whole")
    openers = [lambda link=link: _opened(View(about.path, link.first, link.end), about.path) for link in links]
    plan = _Plan(openers[0](), following=openers[1:])
    if not all(link.whole for link in links):
        plan.warnings.append(f"{about.path} lacks the last page of a stream: its end may be missing.")
    return plan


_PLANS: dict[Kind, Callable[[_File, Kind], _Plan]] = {
    **dict.fromkeys((Kind.WAV, Kind.W64, Kind.AIFF, Kind.CAF, Kind.AU, Kind.RARE), _stored),
    Kind.FLAC: _flac,
    Kind.MPEG: _mpeg,
    Kind.OGG: _ogg,
}


def _by_others(about: _File, known: Kind | None, checkpoint: Checkpoint, reason: str) -> tuple[Source, tuple[str, ...]]:
    """What libsndfile does not read."""
    source: Source
    if ffmpeg.command():
        source, complaint = _by_ffmpeg(about, known, reason, lambda path: ffmpeg.decode(path, checkpoint))
        warnings = (f"{about.path}: ffmpeg read on after: {complaint}.",) if complaint else ()
    elif known in SYSTEM_READS.get(sys.platform, ()):
        source, warnings = _by_system(about, checkpoint), ()
    else:
        raise ClipUnreadable(f"{about.path} is not audio that can be read: {reason}.", ffmpeg.INSTALL)
    try:
        _require_rate(about.path, source.rate)
    except ClipUnreadable:
        source.close()
        raise
    return source, warnings


def _by_ffmpeg(about: _File, known: Kind | None, reason: str, ask: Callable[[Path], Answer]) -> Answer:
    """ask(path). Where ffmpeg fails as well, libsndfile's reason is the better one, if the kind is its own."""
    try:
        return ask(about.path)
    except ClipUnreadable as error:
        if known not in _PLANS:
            raise
        raise ClipUnreadable(f"{about.path} is not audio that can be read: {reason}.") from error


def _by_system(about: _File, checkpoint: Checkpoint) -> Decoded:
    """By pedalboard (JUCE), which asks the system's own decoders; what it reads by itself libsndfile reads as well."""
    from pedalboard.io import AudioFile  # here: most clips never need it

    def blocks(sound: Any) -> Iterator[NDArray[np.float32]]:
        while sound.tell() < sound.frames:
            checkpoint()
            block = sound.read(BLOCK_FRAMES).T
            if not len(block):
                return
            yield block

    try:
        with AudioFile(str(about.path)) as sound:
            _require_possible(about.path, sound.frames, about.size)
            return keep(blocks(sound), round(sound.samplerate), sound.num_channels)
    except REFUSALS as error:
        raise ClipUnreadable(f"{about.path} is not audio that can be read: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    """Why a file was refused, as part of a sentence."""
    said = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
    return str(said).rstrip(". ")


def _require_rate(path: Path, rate: int) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ClipUnreadable(f"{path} says that it has {rate} samples a second.", "Its header is damaged.")


def _require_possible(path: Path, frames: int, size: int) -> None:
    if frames > size * DENSEST:
        raise ClipUnreadable(
            f"{path} says that it holds {frames} samples a channel, which {size} bytes cannot.",
            "Its header is damaged.",
        )


def _changed(path: Path, frame: int, first: _SoundFile, channels: int, rate: int) -> ClipUnreadable:
    at = times.show(frame / first.samplerate)
    return ClipUnreadable(
        f"{path} changes at {at} from {first.channels} channels at {first.samplerate} Hz to {channels} at {rate} Hz.",
        "Bring it to one rate and one number of channels first.",
    )


def _short(path: Path, there: int, claimed: float, rate: int) -> str:
    read, said = times.show(there / rate), times.show(claimed / rate)
    return f"{path} is shorter than its header says: {read} of {said} are there, and were read."
