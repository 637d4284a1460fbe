"""`bench denoise`: what judges speech, the denoisers beside the engine's, and the tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from dap_bridge.bench.data.noisy_speech import SPEECH_RATE
from dap_bridge.bench.data.sounds import resample
from dap_bridge.bench.measures import speech
from dap_bridge.bench.methods import segan
from dap_bridge.bench.methods.denoisers import DENOISERS, minimum_statistics
from dap_bridge.cli import root
from dap_bridge.errors import BadRequest
from dap_bridge.judging import si_sdr
from tests.conftest import shared
from tests.jobs.test_denoise import steady, voice

RATE = SPEECH_RATE
Bench = Callable[..., dict[str, Any]]


def require(package: str) -> None:
    pytest.importorskip(package, reason=f"needs {package}: pip install 'dap-bridge[speech]'")


# --- the judges ----------------------------------------------------------------------------------------------------


def test_the_less_noise_is_left_the_better_is_the_speech_by_every_judge() -> None:
    clean, noise = voice(4)[None], steady(4 * RATE)[None]
    scores = [speech.judge(clean, clean + noise, clean + left * noise) for left in (1, 0.3, 0.1)]
    assert scores[0].si_sdri == 0
    assert scores[0].si_sdr < scores[1].si_sdr < scores[2].si_sdr
    assert scores[1].si_sdri == pytest.approx(20 * np.log10(1 / 0.3), abs=0.1)
    assert scores[0].stoi < scores[1].stoi < scores[2].stoi <= 1


def test_pesq_is_what_its_package_says() -> None:
    require("pesq")
    clean, noise = voice(4), steady(4 * RATE)
    best, middle, worst = (speech.pesq_wb(clean, clean + left * noise) for left in (0, 0.1, 1))
    assert best == pytest.approx(4.64, abs=0.01)
    assert best > middle > worst > 1
    assert speech.pesq_wb(clean, np.zeros_like(clean)) is None


# --- denoisers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "gain"), [("gate", 3.0), ("mmse-lsa", 6.0)])
def test_a_denoiser_takes_steady_noise_out_of_a_voice(name: str, gain: float) -> None:
    clean, noise = voice(4), steady(4 * RATE)
    cleaned = DENOISERS[name].clean(clean + noise, 0, None)
    assert cleaned.shape == clean.shape
    assert si_sdr(clean[None], cleaned[None]) - si_sdr(clean[None], (clean + noise)[None]) > gain


def powers(signal: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(signal, 512)[::256]
    return np.abs(np.fft.rfft(frames * np.sin(np.pi * (np.arange(512) + 0.5) / 512))) ** 2


def test_minimum_statistics_has_the_level_of_the_noise_under_a_voice_and_follows_it() -> None:
    noise = np.random.default_rng(0).standard_normal(8 * RATE)
    mean = 256.0  # of the powers of noise of variance one, by that window
    alone = minimum_statistics(powers(noise))
    assert abs(10 * np.log10(alone[100:].mean() / mean)) < 1
    spoken = minimum_statistics(powers(noise + 100 * voice(8)))
    assert abs(10 * np.log10(spoken[100:].mean() / mean)) < 3
    for gain, frames in ((1.25, 50), (10, 100)):  # a small rise is believed sooner, for speech is none
        risen = minimum_statistics(powers(noise * np.where(np.arange(8 * RATE) < 4 * RATE, 1, gain)))
        assert abs(10 * np.log10(risen[240:248].mean() / mean)) < 1
        assert abs(10 * np.log10(risen[250 + frames :].mean() / mean) - 20 * np.log10(gain)) < 1


def test_rnnoise_keeps_speech_in_its_place() -> None:
    require("pyrnnoise")
    clean, rate = soundfile.read(shared("audio/voicebank/p232_001/clean.flac"))
    known = DENOISERS["rnnoise"]
    heard = resample(clean, rate, known.rate)
    cleaned = known.clean(heard, 0, None)
    assert cleaned.shape == heard.shape
    back = resample(cleaned, known.rate, rate)
    assert np.argmax(np.correlate(back, clean, "full")) == len(clean) - 1
    assert si_sdr(clean[None], back[None]) > 12


# --- SEGAN ---------------------------------------------------------------------------------------------------------


def test_the_generator_has_the_layers_of_the_public_checkpoint() -> None:
    with torch.device("meta"):
        found = {name: tuple(value.shape) for name, value in segan.Generator().state_dict().items()}
    down, up = (1, 64, 128, 256, 512, 1024), ((2048, 512), (1024, 256), (512, 128), (256, 64), (128, 1))
    expected: dict[str, tuple[int, ...]] = {}
    for level in range(5):
        expected |= {f"enc_blocks.{level}.conv.weight": (down[level + 1], down[level], 31)}
        expected |= {f"enc_blocks.{level}.{name}": (down[level + 1],) for name in ("conv.bias", "act.weight")}
        expected |= {f"dec_blocks.{level}.deconv.weight": (*up[level], 31)}
        expected |= {f"dec_blocks.{level}.deconv.bias": (up[level][1],)}
    for level in range(4):
        expected |= {
            f"alpha_{level}.skip_k": (1, down[level + 1], 1),
            f"dec_blocks.{level}.act.weight": (up[level][1],),
        }
    assert found == expected


def wire(gain: float = 1.0, latent: float = 0.0) -> dict[str, torch.Tensor]:
    """Weights of a small generator whose outermost skip carries the waveform: four channels, one a sample of four.

    gain: of that skip. latent: how loud the first channel of the latent becomes on its way through all levels.
    """
    state = {name: torch.zeros_like(value) for name, value in segan.Generator((4, 4, 4, 4, 4), 4).state_dict().items()}
    for phase in range(4):
        state["enc_blocks.0.conv.weight"][phase, 0, 14 + phase] = 1
        state["dec_blocks.4.deconv.weight"][4 + phase, 0, 13 + phase] = 1
    state["alpha_0.skip_k"] += gain
    for level in range(5):
        state[f"dec_blocks.{level}.deconv.weight"][0, 0, 13] = latent
    return state


def wired(folder: Path, **wiring: float) -> segan.Generator:
    torch.save({"step": 1, "state_dict": wire(**wiring), "optimizer": {}}, folder / "segan.ckpt")
    return segan.load(folder / "segan.ckpt")


def test_a_generator_that_only_hands_the_waveform_through_does_so(tmp_path: Path) -> None:
    """Emphasis, windows, paddings, what the skip carries, its order in the decoder, and the cut at the end."""
    quiet = 1e-3 * np.random.default_rng(0).standard_normal(2 * segan.WINDOW + 777)
    np.testing.assert_allclose(segan.enhance(quiet, wired(tmp_path), 0), quiet, atol=1e-6)
    assert not segan.enhance(quiet, wired(tmp_path, gain=0), 0).any()
    loud = segan.enhance(1e5 * quiet, wired(tmp_path), 0)
    emphasised = loud[1:] - segan.PRE_EMPHASIS * loud[:-1]
    assert np.abs(emphasised).max() == pytest.approx(1), "the last activation is tanh"


def test_the_latent_comes_before_the_code_and_is_one_for_all_windows(tmp_path: Path) -> None:
    silence = np.zeros(2 * segan.WINDOW)
    generator = wired(tmp_path, latent=0.5)
    one, same, other = (segan.enhance(silence, generator, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert one.any() and not np.array_equal(one, other)
    emphasised = np.append(one[0], one[1:] - segan.PRE_EMPHASIS * one[:-1])
    np.testing.assert_allclose(emphasised[: segan.WINDOW], emphasised[segan.WINDOW :], atol=1e-7)


def test_checkpoints_old_and_new_are_read_and_others_refused(tmp_path: Path) -> None:
    path = tmp_path / "segan.ckpt"
    for old in (False, True):
        torch.save(wire(), path, _use_new_zipfile_serialization=not old)
        assert segan.load(path).latent == 4
    del (state := wire())["alpha_2.skip_k"]
    for wrong in (state, {"weights": torch.zeros(3)}, [1, 2]):
        torch.save(wrong, path)
        with pytest.raises(BadRequest, match="other weights"):
            segan.load(path)
    torch.save({"state_dict": Path("x")}, path)  # an object that only unpickling code could make
    with pytest.raises(BadRequest, match="no checkpoint"):
        segan.load(path)
    path.write_text("not a checkpoint")
    with pytest.raises(BadRequest, match="no checkpoint"):
        segan.load(path)


# --- from the command line -----------------------------------------------------------------------------------------


@pytest.fixture
def noisy_speech(tmp_path: Path) -> Path:
    """A folder with one noisy utterance, and what another denoiser made of it."""
    folder = tmp_path / "clips" / "voicebank" / "one"
    folder.mkdir(parents=True)
    clean, noise = voice(2), steady(2 * RATE)
    for name, signal in {"clean": clean, "noisy": clean + noise, "published_other": clean + 0.1 * noise}.items():
        soundfile.write(folder / f"{name}.flac", signal, RATE)
    return tmp_path / "clips"


@pytest.fixture
def bench(tmp_path: Path, noisy_speech: Path) -> Bench:
    """bench(*arguments) -> the answer, and its `rows` by method."""

    def run(*arguments: str) -> dict[str, Any]:
        words = ["bench", "denoise", "--root", str(noisy_speech), "--out", str(tmp_path / "out"), "--json", *arguments]
        result = CliRunner().invoke(root.main, words)
        assert result.exit_code == 0, (result.output, result.exception)
        found = json.loads((tmp_path / "out" / "denoise" / "results.json").read_text())["rows"]
        return json.loads(result.stdout) | {"rows": {row["method"]: row for row in found}}

    return run


def test_presets_denoisers_and_published_outputs_stand_in_one_table(bench: Bench) -> None:
    answer = bench("--baselines", "noisy,mmse-lsa,segan,published")
    means, own_rate, clips = answer["tables"]
    lines = {line["method"]: line for line in means}
    assert list(lines) == [
        "what came in (noisy)",
        "denoise",
        f"{DENOISERS['mmse-lsa'].title} (mmse-lsa)",
        "SEGAN, trained (segan)",
        "published-other",
    ]
    heard = [line["method"] for line in own_rate]
    assert heard == [method for method in lines if not method.startswith(("what came in", "SEGAN"))]
    rows = answer["rows"]
    assert rows["noisy"]["speech"]["si_sdri"] == 0 < rows["denoise"]["speech"]["si_sdri"]
    assert rows["published-other"]["speech"]["si_sdri"] == pytest.approx(20, abs=0.1)
    assert rows["denoise"]["speech_first"] and lines["denoise"]["speech first"] == "1 of 1"
    assert rows["denoise"]["null_db"] < -100
    assert "--segan" in lines["SEGAN, trained (segan)"]["SI-SDR"]
    assert clips[0]["best SI-SDR"] == "published-other" and "segan" not in clips[0]
    assert "by SI-SDR: published-other 1" in answer["text"]


def test_what_was_missing_is_measured_once_it_is_there(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--preset", "none", "--baselines", "noisy,segan")
    installed = speech.versions()
    monkeypatch.setattr(speech, "versions", lambda: installed | {"pesq": None})
    answer = bench(*arguments)
    assert answer["rows"]["noisy"]["speech"]["pesq"] is None
    assert "needs the package pesq" in answer["text"] and answer["tables"][0][0]["PESQ-WB"] == "-"
    assert bench(*arguments)["reused"] == 2
    torch.save(wire(), tmp_path / "segan.ckpt")
    answer = bench(*arguments, "--segan", str(tmp_path / "segan.ckpt"))
    assert (answer["finished"], answer["reused"]) == (1, 1)
    assert answer["rows"]["segan"]["speech"]["si_sdri"] == pytest.approx(0, abs=0.5)
    require("pesq")
    monkeypatch.setattr(speech, "versions", lambda: installed)
    answer = bench(*arguments)
    assert answer["finished"] == 2 and answer["rows"]["noisy"]["speech"]["pesq"] > 1
