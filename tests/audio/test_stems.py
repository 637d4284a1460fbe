"""Stems on disk: exact, cross-faded, and honest about the null test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.audio.files import ClipReader
from dap_bridge.audio.plan import Chunk, plan
from dap_bridge.audio.stems import NULL_FLOOR_DB, StemWriter, file_name, null_db, require_writable
from dap_bridge.domain import ClipRef, Format
from dap_bridge.errors import BadRequest, Diverged


def write(folder: Path, clip: np.ndarray, split: Callable[[np.ndarray, int], np.ndarray], seconds: float) -> float:
    """Write clip (channels, frames) at 100 Hz in chunks; split(chunk, index) -> (sources, channels, frames).

    Returns the null test.
    """
    channels, frames = clip.shape
    chunks = plan(frames, 100, seconds, seconds / 4)
    with StemWriter([folder / "1.wav", folder / "2.wav"], 100, channels, frames) as writer:
        for chunk, following in zip(chunks, [*chunks[1:], None], strict=True):
            block = clip[:, chunk.start : chunk.end]
            writer.write(chunk, split(block, chunk.index), following)
    soundfile.write(folder / "clip.wav", clip.T, 100, subtype="FLOAT")
    with ClipReader(ClipRef.of(str(folder / "clip.wav"))) as reader:
        return null_db(reader, [folder / "1.wav", folder / "2.wav"])


def test_stems_that_sum_in_every_chunk_sum_in_the_files(tmp_path: Path, noise: Callable[..., np.ndarray]) -> None:
    clip = noise(2, 5000)

    def halves(block: np.ndarray, index: int) -> np.ndarray:
        share = 0.1 + 0.8 * (index % 2)  # neighbouring chunks disagree as much as they can
        return np.stack([share * block, block - share * block]).astype(np.float32)

    null = write(tmp_path, clip, halves, seconds=10)
    stems = [soundfile.read(tmp_path / name, always_2d=True, dtype="float32")[0].T for name in ("1.wav", "2.wav")]
    assert null < -120
    np.testing.assert_allclose(stems[0] + stems[1], clip, atol=1e-7)
    share = stems[0][0] / clip[0]
    assert np.abs(np.diff(share)).max() < 0.02  # a cross-fade, no step


def test_the_null_test_measures_what_is_missing(tmp_path: Path, noise: Callable[..., np.ndarray]) -> None:
    null = write(tmp_path, noise(1, 5000), lambda block, _: np.stack([0.5 * block, 0.49 * block]), seconds=10)
    assert null == pytest.approx(-40.0, abs=0.1)


def test_silence_is_null_to_the_floor(tmp_path: Path) -> None:
    null = write(tmp_path, np.zeros((1, 50), np.float32), lambda block, _: np.stack([block, block]), seconds=10)
    assert null == NULL_FLOOR_DB


def test_full_scale_and_beyond_is_not_clipped(tmp_path: Path) -> None:
    clip = np.full((1, 300), 3.5, np.float32)
    write(tmp_path, clip, lambda block, _: np.stack([block, 0 * block]), seconds=10)
    assert soundfile.info(tmp_path / "1.wav").subtype == "FLOAT"
    np.testing.assert_array_equal(soundfile.read(tmp_path / "1.wav", dtype="float32")[0], clip[0])


def test_a_stem_of_more_than_four_gigabytes_has_a_header_that_can_say_so(tmp_path: Path) -> None:
    with StemWriter([tmp_path / "1.wav"], 48000, 2, 2**30):
        pass
    assert soundfile.info(tmp_path / "1.wav").format == "RF64"


def test_what_is_no_number_is_not_written(tmp_path: Path, noise: Callable[..., np.ndarray]) -> None:
    stems = np.stack([noise(1, 100), noise(1, 100, seed=1)])
    stems[1, 0, 50] = np.nan
    paths = [tmp_path / file_name(index, Format.FLOAT32) for index in (1, 2)]
    with StemWriter(paths, 8000, 1, 100) as writer, pytest.raises(Diverged):
        writer.write(Chunk(0, 0, 100, 0), stems, None)


GRIDS = [Format.PCM24, Format.PCM16, Format.FLAC]


def separated(
    folder: Path, clip: np.ndarray, form: Format, parts: Callable[[np.ndarray], np.ndarray], pieces: int = 1
) -> tuple[float, list[np.ndarray], list[str]]:
    """Write parts(block) -> (sources, channels, frames) of a clip in chunks; returns null test, stems and warnings."""
    channels, frames = clip.shape
    soundfile.write(folder / "clip.wav", clip.T, 8000, subtype="FLOAT")
    chunks = plan(frames, 8000, frames / 8000 / pieces * 1.2, frames / 8000 / pieces / 5)
    paths = [folder / file_name(index + 1, form) for index in range(len(parts(clip[:, :1])))]
    with ClipReader(ClipRef.of(str(folder / "clip.wav"))) as reader:
        with StemWriter(paths, 8000, channels, frames, form, whole=reader.read) as writer:
            for chunk, following in zip(chunks, [*chunks[1:], None], strict=True):
                writer.write(chunk, parts(clip[:, chunk.start : chunk.end]), following)
        stems = [soundfile.read(path, always_2d=True)[0].T for path in paths]
        return null_db(reader, paths), stems, writer.warnings


def thirds(block: np.ndarray) -> np.ndarray:
    a, b = (block * np.float32(share) for share in (0.317, 0.4711))
    return np.stack([a, b, block - a - b]).astype(np.float32)


@pytest.mark.parametrize("form", GRIDS)
@pytest.mark.parametrize("clip_bits", [16, 24, 32])
def test_stems_of_integers_sum_to_the_clip_as_their_format_has_it(tmp_path: Path, form: Format, clip_bits: int) -> None:
    clip = np.clip(0.3 * np.random.default_rng(0).standard_normal((2, 30_001)), -0.99, 0.99).astype(np.float32)
    if clip_bits < 32:
        clip = np.rint(clip * 2.0 ** (clip_bits - 1)).astype(np.float32) / 2 ** (clip_bits - 1)
    null, stems, warnings = separated(tmp_path, clip, form, thirds, pieces=5)
    assert warnings == []
    assert soundfile.info(tmp_path / file_name(1, form)).subtype == f"PCM_{form.bits}"
    step = 2.0 ** (1 - form.bits)
    if clip_bits <= form.bits:
        assert null == NULL_FLOOR_DB
        np.testing.assert_array_equal(sum(stems), clip)
    else:  # all that is lost is the clip's own rounding
        assert np.abs(sum(stems) - clip).max() <= step / 2
    assert all(np.abs(stem - wanted).max() <= 4 * step for stem, wanted in zip(stems, thirds(clip), strict=True))


@pytest.mark.parametrize("form", list(Format))
def test_the_same_stems_are_the_same_bytes_in_whatever_pieces_they_come(
    tmp_path: Path, form: Format, noise: Callable[..., np.ndarray]
) -> None:
    audio = noise(2, 100_000)
    made = []
    for pieces in ([100_000], [1, 0, 69_999, 30_000]):
        path, at = tmp_path / file_name(1, form), 0
        with StemWriter([path], 8000, 2, 100_000, form) as writer:
            for frames in pieces:
                writer.write(Chunk(0, at, frames, 0), audio[None, :, at : at + frames], None)
                at += frames
        made.append(path.read_bytes())
    assert made[0] == made[1]


def test_what_is_under_a_step_of_16_bits_is_still_there_and_silence_stays_silent(tmp_path: Path) -> None:
    """Without dither a tone of a third of a step would be rounded away."""
    step = 2.0**-15
    tone = (step / 3 * np.sin(2 * np.pi * 0.01 * np.arange(80_000))).astype(np.float32)
    clip = np.rint(1000 * np.random.default_rng(0).standard_normal(len(tone))).astype(np.float32) * np.float32(step)
    both = np.stack([clip, 0 * clip])

    def parts(block: np.ndarray) -> np.ndarray:
        quiet = np.stack([tone, 0 * tone])[:, : block.shape[1]]
        return np.stack([quiet, block - quiet])

    null, (first, last), _ = separated(tmp_path, both, Format.PCM16, parts)
    assert null == NULL_FLOOR_DB
    for heard in (first[0], clip - last[0]):
        assert 2 * np.mean(heard * tone) / (step / 3) ** 2 == pytest.approx(1, abs=0.1)
    assert not first[1].any()
    assert not last[1].any()


@pytest.mark.parametrize("form", GRIDS)
def test_what_is_beyond_full_scale_is_clipped_and_told(tmp_path: Path, form: Format) -> None:
    clip = np.full((1, 1000), 0.5, np.float32)
    loud = np.where(np.arange(1000) < 10, 2.0, 0.25).astype(np.float32)[None]

    def parts(block: np.ndarray) -> np.ndarray:
        first = loud[:, : block.shape[1]]
        return np.stack([first, block - first])

    null, stems, warnings = separated(tmp_path, clip, form, parts)
    assert null == NULL_FLOOR_DB  # the other stem takes what the first has lost
    assert stems[0].max() == pytest.approx(1, abs=1e-4)
    (said,) = warnings
    assert said.startswith(f"{file_name(1, form)} goes beyond full scale by up to 6.1 dB, and 10 of its samples")


def test_full_scale_itself_is_no_clipping(tmp_path: Path) -> None:
    clip = np.array([[1, -1, 0.5] * 100], np.float32)
    assert separated(tmp_path, clip, Format.PCM16, lambda block: np.stack([block, 0 * block]))[2] == []


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 9), (700_000, 1)])
def test_flac_is_refused_what_it_has_no_room_for(rate: int, channels: int) -> None:
    with pytest.raises(BadRequest, match="FLAC holds"):
        require_writable(Format.FLAC, rate, channels)
    require_writable(Format.PCM24, rate, channels)
    require_writable(Format.FLAC, 655_350, 8)


def test_flac_is_written_at_its_limits(tmp_path: Path) -> None:
    with StemWriter([tmp_path / "1.flac"], 655_350, 8, 100, Format.FLAC) as writer:
        writer.write(Chunk(0, 0, 100, 0), np.full((1, 8, 100), 0.25, np.float32), None)
    audio, rate = soundfile.read(tmp_path / "1.flac")
    assert (rate, audio.shape, audio.min()) == (655_350, (100, 8), 0.25)


@pytest.mark.parametrize("form", [Format.PCM24, Format.FLOAT32])
def test_a_large_stem_tells_its_length_in_64_bits(tmp_path: Path, form: Format) -> None:
    frames = 2**30 + 1
    with StemWriter([tmp_path / "1.wav"], 48000, 3, frames, form):
        pass
    with (tmp_path / "1.wav").open("r+b") as file:
        size = frames * 3 * form.bits // 8
        file.truncate(len(file.read()) + size + size % 2)  # sparse: the samples are silence
    found = soundfile.info(tmp_path / "1.wav")
    assert (found.format, found.frames, found.channels) == ("RF64", frames, 3)
