"""The folders that clips with known sources come in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dap_bridge.bench.data import pairings, recordings, universal150
from dap_bridge.bench.data.sounds import of_half, resample
from dap_bridge.errors import BadClip, BadRequest
from tests.conftest import shared

RATE = 11_000


def write(path: Path, audio: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.atleast_2d(audio).T, rate)


@pytest.fixture
def mixtures(tmp_path: Path, noise: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """mixtures("Audios", "0", …) -> a root whose folder below it holds items of these names."""

    def make(below: str, *names: str) -> Path:
        for count, name in enumerate(names):
            for k in (1, 2):
                write(tmp_path / below / name / f"gt{k}.wav", noise(1, RATE // 10 + k, seed=2 * count + k))
        return tmp_path

    return make


@pytest.mark.parametrize("below", [".", "Audios", "Universal-150-Benchmark/Audios"])
def test_universal150_is_found_in_any_of_its_layouts(mixtures: Callable[..., Path], below: str) -> None:
    root = mixtures(below, "2", "10", "7")
    (root / below / "notes").mkdir()
    items = universal150.universal150(root)
    assert [(item.id, item.group) for item in items] == [("2", "even"), ("7", "odd"), ("10", "even")]
    sound = items[0].read()
    assert sound.references.shape == (2, 1, RATE // 10 + 1)
    np.testing.assert_allclose(sound.mixture, sound.references.sum(axis=0), atol=1e-6)
    assert sound.rate == RATE


def test_a_folder_without_mixtures_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no mixtures"):
        universal150.universal150(tmp_path)
    with pytest.raises(BadRequest, match="no recordings"):
        recordings.recordings(tmp_path)


def test_a_missing_source_is_an_error_of_that_item(mixtures: Callable[..., Path]) -> None:
    root = mixtures(".", "0", "1")
    (root / "1" / "gt2.wav").unlink()
    whole, part = universal150.universal150(root)
    assert whole.read().rate == RATE
    with pytest.raises(BadClip, match="gt2"):
        part.read()


def test_sources_of_different_rates_are_refused(mixtures: Callable[..., Path]) -> None:
    root = mixtures(".", "0")
    write(root / "0" / "gt2.wav", np.zeros((1, 100)), 8000)
    with pytest.raises(BadClip, match="differ"):
        universal150.universal150(root)[0].read()


def test_recordings_come_by_kind_and_stereo_folds_to_mono(tmp_path: Path, noise: Callable[..., np.ndarray]) -> None:
    for kind, channels in (("pair", 1), ("stereo", 2)):
        for name in ("mix", "s1", "s2"):
            write(tmp_path / kind / "a" / f"{name}.flac", noise(channels, 1000, seed=len(name + kind)))
    assert [item.group for item in recordings.recordings(tmp_path)] == ["pair", "stereo", "folded"]
    stereo, folded = (recordings.recordings(tmp_path, [kind])[0].read() for kind in ("stereo", "folded"))
    assert stereo.mixture.shape == (2, 1000)
    assert folded.references.shape == (2, 1, 1000)
    np.testing.assert_allclose(folded.mixture, stereo.mixture.mean(axis=0, keepdims=True), atol=1e-7)


@pytest.fixture
def sources(tmp_path: Path, noise: Callable[..., np.ndarray]) -> Path:
    """A folder of two rows: loud.wav goes on after 12 s, the other does not."""
    write(tmp_path / "sources" / "loud.wav", noise(1, 13 * RATE, seed=1))
    write(tmp_path / "sources" / "soft.flac", 0.1 * noise(1, 12 * RATE, seed=2))
    rows = "id,a,b,b_gain_db,class_a,class_b\nopen_01,loud.wav,soft.flac,-8,x,y\nopen_02,soft.flac,loud.wav,0,y,x\n"
    (tmp_path / "pairs.csv").write_text(rows)
    return tmp_path


def test_a_row_of_a_table_is_a_mixture_of_the_scenes_alone(sources: Path) -> None:
    first, second = pairings.foley(sources)
    assert [(item.id, item.group) for item in (first, second)] == [("open_01", "odd"), ("open_02", "even")]
    for item, gain, files in ((first, -8, ("loud.wav", "soft.flac")), (second, 0, ("soft.flac", "loud.wav"))):
        sound = item.read()
        one, other = (soundfile.read(sources / "sources" / name)[0][: 12 * RATE] for name in files)
        expected = np.stack([one, 10 ** (gain / 20) * other])[:, None]
        scale = 0.95 / np.abs(expected.sum(axis=0)).max()
        np.testing.assert_allclose(sound.references, scale * expected, atol=1e-6)
        np.testing.assert_allclose(sound.mixture, sound.references.sum(axis=0), atol=1e-6)
        assert sound.rate == RATE


def test_the_recordings_other_pairs_lie_beside_their_table(sources: Path) -> None:
    (sources / "remix.csv").write_text("id,a,b,b_gain_db,classes\nremix-7,sources/loud.wav,sources/soft.flac,8,x+y\n")
    (item,) = pairings.remix(sources)
    assert (item.id, item.group) == ("remix-7", "odd")
    assert item.read().references.shape == (2, 1, 12 * RATE)


@pytest.mark.parametrize(
    "table", [None, "id,a\n1,x.wav\n", "id,a,b,b_gain_db\n1,x.wav,y.wav,loud\n", "id,a,b,b_gain_db\n1\n"]
)
def test_a_table_that_is_none_is_explained(table: str | None, tmp_path: Path) -> None:
    if table is not None:
        (tmp_path / "pairs.csv").write_text(table)
    with pytest.raises(BadRequest, match=r"pairs.csv cannot be read"):
        pairings.foley(tmp_path)


def test_a_row_without_its_sound_is_an_error_of_that_item(sources: Path) -> None:
    (sources / "sources" / "soft.flac").unlink()
    with pytest.raises(BadClip, match=r"soft\.flac"):
        pairings.foley(sources)[0].read()


def test_a_half_is_told_by_the_number_that_a_name_ends_with(mixtures: Callable[..., Path]) -> None:
    items = universal150.universal150(mixtures(".", "2", "10", "7"))
    halves = {half: [item.id for item in of_half(items, half)] for half in ("odd", "even", "all")}
    assert halves == {"odd": ["7"], "even": ["2", "10"], "all": ["2", "7", "10"]}
    with pytest.raises(BadRequest, match="no such item"):
        of_half(items[:1], "odd")


def test_the_other_pairings_are_whole() -> None:
    for items, number in (
        (pairings.remix(shared("audio/recordings")), 120),
        (pairings.foley(shared("audio/foley")), 40),
    ):
        assert len(items) == number
        assert [item.group for item in items] == ["odd", "even"] * (number // 2)
        sound = items[1].read()
        assert sound.references.shape == (2, 1, 12 * 44_100)
        assert np.abs(sound.mixture).max() == pytest.approx(0.95, abs=1e-6)


def test_trios_are_of_different_sounds_and_always_the_same(mixtures: Callable[..., Path]) -> None:
    root = mixtures(".", "0", "1", "2")
    # the same sound as 0/gt1 at another gain
    quiet = 0.3 * soundfile.read(root / "0" / "gt1.wav")[0]
    write(root / "3" / "gt1.wav", quiet)
    write(root / "3" / "gt2.wav", -quiet)
    items = universal150.trios(root)
    assert len(items) == universal150.TRIOS
    assert items == universal150.trios(root)
    assert all(len(set(item.references)) == 3 for item in items)
    assert {path.parent.name for item in items for path in item.references} == {"0", "1", "2"}


def test_the_demo_recording_is_the_sum_of_its_parts() -> None:
    sound = recordings.demo().read()
    np.testing.assert_allclose(sound.mixture, sound.references.sum(axis=0), atol=1e-4)


def test_universal150_has_thirty_sounds() -> None:
    items = universal150.universal150(shared("audio/universal150"))
    assert len(items) == 100
    assert len(list(universal150._different(path for item in items for path in item.references))) == 30


def test_a_tone_keeps_its_place_through_a_change_of_rate() -> None:
    time = np.arange(44_100) / 44_100
    tone = np.sin(2 * np.pi * 440 * time)
    low = resample(tone, 44_100, RATE)
    assert low.shape == (RATE,)
    middle = slice(RATE // 4, 3 * RATE // 4)
    np.testing.assert_allclose(low[middle], np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)[middle], atol=2e-3)
