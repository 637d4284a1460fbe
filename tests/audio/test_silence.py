"""Where a clip holds signal: padding of every kind is told from what was recorded, however faint that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge import presets
from dap_bridge.audio.files import ClipReader
from dap_bridge.audio.plan import plan
from dap_bridge.audio.silence import PaddedWriter, Signal, Span, signal_spans
from dap_bridge.domain import ClipRef

RATE = 16_000
RULE = presets.load("default").about.silence
Find = Callable[..., tuple[Span, ...]]


@pytest.fixture
def find(write_clip: Callable[..., Path]) -> Find:
    """find(audio (channels, frames)) -> where there is signal."""

    def run(audio: np.ndarray) -> tuple[Span, ...]:
        with ClipReader(ClipRef.of(str(write_clip(audio, RATE)))) as reader:
            return signal_spans(reader, RULE, lambda: None)

    return run


def hiss(seconds: float, db: float, channels: int = 2) -> np.ndarray:
    """White noise of that many dBFS: (channels, frames)."""
    return 10 ** (db / 20) * np.random.default_rng(0).standard_normal((channels, round(seconds * RATE)))


def dither(seconds: float, channels: int = 2) -> np.ndarray:
    """What 16 bits make of nothing: triangular, rounded."""
    generator = np.random.default_rng(1)
    shape = (channels, round(seconds * RATE))
    return np.round(generator.random(shape) - generator.random(shape)) / 2**15


PADDING = {
    "digital silence": lambda seconds: 0 * hiss(seconds, 0),
    "an offset": lambda seconds: 0 * hiss(seconds, 0) + 0.01,
    "dither": dither,
    "-80 dBFS": lambda seconds: hiss(seconds, -80),
}


@pytest.mark.parametrize("seconds", [0.3, 4, 60])
@pytest.mark.parametrize("kind", PADDING)
def test_padding_is_no_signal_wherever_it_lies_and_however_much_there_is(find: Find, kind: str, seconds: float) -> None:
    sound, pad = hiss(1, -25), PADDING[kind](seconds)
    long, frames = pad.shape[1], sound.shape[1]
    near = RULE.block_s * RATE
    for parts, expected in (
        ((pad, sound), [(long, long + frames)]),
        ((sound, pad), [(0, frames)]),
        ((sound, pad, sound), [(0, frames), (frames + long, 2 * frames + long)]),
        ((pad, sound, pad), [(long, long + frames)]),
    ):
        found = find(np.concatenate(parts, axis=1))
        assert len(found) == len(expected)
        assert np.abs(np.subtract(found, expected)).max() <= near


@pytest.mark.parametrize("db", [-25, -60, -80, -120])
def test_a_quiet_recording_is_no_silence(find: Find, db: float) -> None:
    audio = hiss(2, db)
    assert find(audio) == ((0, audio.shape[1]),)


def test_one_bang_does_not_make_silence_of_a_quiet_recording(find: Find) -> None:
    audio = hiss(60, -60)
    audio[:, 5000:6000] = hiss(1000 / RATE, -1)
    assert find(audio) == ((0, audio.shape[1]),)


def test_one_channel_alone_is_signal(find: Find) -> None:
    audio = hiss(3, -25)
    audio[1] = 0
    audio[0, RATE : 2 * RATE] = 0
    assert find(audio) == ((0, RATE), (2 * RATE, 3 * RATE))


@pytest.mark.parametrize(("at", "where"), [(0, "before"), (RATE // 2, "within"), (RATE - 1600, "behind")])
def test_a_moment_of_silence_is_part_of_the_sound(find: Find, at: int, where: str) -> None:
    audio = hiss(1, -25)
    audio[:, at : at + 1600] = 0
    assert find(audio) == ((0, RATE),), where


@pytest.mark.parametrize("frames", [1, 2, 159, 161])
@pytest.mark.parametrize("level", [0.0, 1e-12, 0.5, 1e6])
def test_every_signal_has_an_answer(find: Find, frames: int, level: float) -> None:
    assert find(np.full((1, frames), level)) == ((0, frames),)


@pytest.mark.parametrize("copied", [(), (0,), (1, 2), (0, 1, 2, 3)])
def test_silence_is_put_back_where_it_was_whatever_chunks_overlap_there(
    tmp_path: Path, write_clip: Callable[..., Path], copied: tuple[int, ...]
) -> None:
    sound, pad = hiss(0.75, -25, 1).astype(np.float32), dither(0.3, 1).astype(np.float32)
    audio = np.concatenate([pad, sound, pad, sound, pad, pad, sound[:, :9000], pad], axis=1)
    originals = [write_clip(audio, RATE), write_clip(-2 * audio, RATE, "twice.wav")]
    paths = [tmp_path / "stem-1.wav", tmp_path / "stem-2.wav"]
    filled: list[tuple[int, int]] = []

    def both(audio: np.ndarray) -> np.ndarray:
        return np.stack([audio, -2 * audio])

    def fill(start: int, audio: np.ndarray) -> np.ndarray:
        filled.append((start, start + audio.shape[1]))
        return both(audio)

    with ClipReader(ClipRef.of(str(originals[0]))) as reader:
        signal = Signal(reader, RULE, lambda: None)
        assert signal.frames == 2 * sound.shape[1] + 9000
        chunks = plan(signal.frames, RATE, seconds=0.75, overlap_s=0.3)
        assert len(chunks) == 4
        with PaddedWriter(signal, reader, paths, chunks[0].frames) as writer:
            writer.fill = fill
            for chunk, following in zip(chunks, [*chunks[1:], None], strict=True):
                if chunk.index in copied:
                    writer.copy(chunk, originals)
                else:
                    writer.write(chunk, both(signal.read(chunk.start, chunk.frames)), following)
    assert filled == [gap for _, gap in signal.gaps]
    written = np.stack([soundfile.read(path, dtype="float32")[0] for path in paths])
    assert np.abs(written - both(audio)[:, 0]).max() < 1e-7


def test_a_frame_of_the_clip_is_found_in_the_signal_and_back(write_clip: Callable[..., Path]) -> None:
    audio = np.concatenate([dither(1), hiss(1, -25), dither(2), hiss(1, -25)], axis=1)
    with ClipReader(ClipRef.of(str(write_clip(audio, RATE)))) as reader:
        signal = Signal(reader, RULE, lambda: None)
        assert [signal.position(at * RATE) for at in (0, 0.5, 1, 1.25, 2, 3, 4, 4.5, 5)] == pytest.approx(
            [at * RATE for at in (0, 0, 0, 0.25, 1, 1, 1, 1.5, 2)], abs=2
        )
        assert np.array_equal(
            signal.read(RATE // 2, RATE),
            np.concatenate(
                [audio[:, first:last] for first, last in signal.pieces(RATE // 2, 3 * RATE // 2)], axis=1
            ).astype(np.float32),
        )
