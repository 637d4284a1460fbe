"""`dap-bridge bench`, from the command line to the reports."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tomli_w
from click.testing import CliRunner

from dap_bridge import assets, presets
from dap_bridge import bench as room
from dap_bridge.bench import table
from dap_bridge.bench.benchmarks import ablation, dynamics, gpu, kinship, speed
from dap_bridge.bench.benchmarks.boxes import user
from dap_bridge.bench.methods.baselines import BASELINES
from dap_bridge.bench.report import blocks
from dap_bridge.bench.store import Store
from dap_bridge.cli import root
from tests.conftest import CHECKOUT

Bench = Callable[..., dict[str, Any]]
RATE = 11_000
HIGH_RATE = 22_050


@pytest.fixture
def quick_paper(quick_presets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets `quick`, two more of them, and a `paper` whose networks are small; every part of the method is there."""
    table = tomllib.loads((assets.folder("presets") / "paper.toml").read_text(encoding="utf-8"))
    table["network"] = {"channels": [4], "skips": [0], "kernel": 3, "slope": 0.2}
    table["front"] |= {"n_fft": 254, "hop": 127}
    table["losses"]["exclusion_scales"] = 1
    table["fit"] |= {"iterations": 20, "learning_rate": 0.01}
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "paper.toml").write_text(tomli_w.dumps(table), encoding="utf-8")
    for name in ("quick", "quick-dnp", "quick-texture"):
        shutil.copy(quick_presets / f"{name}.toml", folder)
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(folder))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """bench(name, *arguments, code=0) -> the JSON answer; for the code of bad arguments, what was said."""

    def run(name: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        result = CliRunner().invoke(root.main, ["bench", name, "--out", str(tmp_path / "out"), "--json", *arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return {"said": result.output} if code == root.BAD_ARGUMENTS else json.loads(result.stdout)

    return run


@pytest.fixture
def mixtures(tmp_path: Path) -> Path:
    """A folder like Universal-150's with three mixtures of a tone and noise, 1 s each."""
    time = np.arange(RATE) / RATE
    for number in range(3):
        folder = tmp_path / "clips" / str(number)
        folder.mkdir(parents=True)
        tone = 0.2 * np.sin(2 * np.pi * (400 + 300 * number) * time) * (time % 0.4 < 0.2)
        noise = 0.05 * np.random.default_rng(number).standard_normal(RATE)
        soundfile.write(folder / "gt1.wav", tone, RATE)
        soundfile.write(folder / "gt2.wav", noise, RATE)
    return tmp_path / "clips"


def line(answer: Mapping[str, Any], method: str) -> dict[str, str]:
    """The line of the answer's first table that starts with `method`."""
    return next(row for row in answer["tables"][0] if method in row["method"])


def said(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(root.main, ["bench", *words])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


@pytest.mark.parametrize("name", table.TITLES)
def test_a_benchmark_has_the_options_that_mean_something_to_it_and_no_more(name: str) -> None:
    benchmark = table.load(name)
    options = {option.name for option in benchmark.options}
    takes = inspect.signature(benchmark.trials).parameters.values()
    named = {parameter.name for parameter in takes if parameter.kind is not parameter.VAR_KEYWORD}
    # where several benchmarks share the rest, it is handed on
    assert options > named if len(named) < len(takes) else options == named
    text = said(name, "--help")
    of_all = {"out", "as_json"} if benchmark.alone else {"jobs", "out", "as_json"}
    assert text.count("\n  --") == len(options | of_all)


def test_the_help_names_every_benchmark_and_loads_none() -> None:
    text = said("--help")
    assert all(f"  {name} " in text for name in (*table.TITLES, "report"))
    heavy = "{'torch', 'librosa', 'numpy', 'scipy', 'matplotlib'}"
    code = f"""import sys
from dap_bridge.cli import main
main(["bench", "--help"], standalone_mode=False)
print("loaded:", *sorted({heavy} & set(sys.modules)))"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.endswith("loaded:\n")


@pytest.mark.parametrize("name", ["synthetic", "report"])
def test_without_the_extra_a_sentence_says_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "synthetic").mkdir()
    monkeypatch.setattr(room, "EXTRA", ("nonsense",))
    result = CliRunner().invoke(root.main, ["bench", name, "--out", str(tmp_path)])
    assert result.exit_code == root.FAILED
    assert "The benchmarks need nonsense." in result.stderr and "dap-bridge[bench]" in result.stderr


def test_results_that_are_kept_are_those_of_a_unit() -> None:
    rows = Store(CHECKOUT / "docs" / "benchmark" / "synthetic").rows()
    kept = {key: row["identity"] for key, row in rows.items() if row["method"] in BASELINES}
    how = {"limit": None, "presets": (), "baselines": tuple(BASELINES), "iterations": None}
    how |= {"seconds": None, "seed": 0, "device": "cpu"}
    trials = {trial.key: trial.identity() for trial in table.load("synthetic").trials(**how)}
    assert kept and all(trials[key] == identity for key, identity in kept.items())


def test_the_page_has_a_place_for_every_benchmark() -> None:
    page = (CHECKOUT / "docs" / "benchmark.md").read_text(encoding="utf-8")
    for name in table.TITLES:
        assert "| filled |" in blocks.fill(page, name, "| filled |")


def test_a_preset_and_baselines_are_measured_and_reported(bench: Bench, mixtures: Path, tmp_path: Path) -> None:
    arguments = ("--root", str(mixtures), "--preset", "quick", "--baselines", "hpss,oracle-wiener", "--limit", "2")
    answer = bench("universal150", *arguments)
    assert (answer["finished"], answer["reused"], answer["failed"]) == (6, 0, {})
    assert float(line(answer, "oracle-wiener")["SI-SDRi"]) > 10
    assert line(answer, "quick")["items"] == "2"

    folder = tmp_path / "out" / "universal150"
    rows = json.loads((folder / "results.json").read_text())["rows"]
    quick = next(row for row in rows if row["method"] == "quick")
    assert quick["seed"] == 0 and quick["null_db"] <= -100 and quick["iterations"] > 0
    markdown, page = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    assert "oracle ratio mask" in markdown and "torch" in markdown
    pictures = sorted(path.name for path in (folder / "pictures").iterdir())
    assert pictures == ["even-0.png", "even-si-sdri.png", "odd-1.png", "odd-si-sdri.png"]
    assert all(f"pictures/{name}" in page and f"pictures/{name}" in markdown for name in pictures)

    again = bench("universal150", *arguments, "--limit", "3")
    assert (again["finished"], again["reused"]) == (3, 6)


def test_examples_are_paired_with_what_knows_nothing(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "clips"
    for number in (1, 3):
        folder = root / "universal150" / str(number)
        folder.mkdir(parents=True)
        frames, generator = round(2.6 * RATE), np.random.default_rng(number)
        noise = generator.standard_normal((2, frames))
        swell = 1 + np.sin(2 * np.pi * 3 * np.arange(frames) / RATE)
        soundfile.write(folder / "gt1.wav", 0.1 * np.diff(noise[0], prepend=0) * swell, RATE)
        soundfile.write(folder / "gt2.wav", np.convolve(noise[1], np.ones(20) / 100, "same"), RATE)
    answer = bench("examples", "--root", str(root), "--preset", "quick", "--seconds", "1", "--device", "cpu")
    assert answer["failed"] == {} and answer["finished"] == 12
    (table,) = answer["tables"]
    assert [row["clips"] for row in table] == ["2"] * 4
    again = bench("examples", "--root", str(root), "--preset", "quick", "--seconds", "1", "--device", "cpu")
    assert (again["finished"], again["reused"]) == (0, 12)


def test_kinship_is_learned_as_the_table_of_a_preset(bench: Bench, mixtures: Path, tmp_path: Path) -> None:
    (mixtures.parent / "sets").mkdir()
    mixtures.rename(mixtures.parent / "sets" / "universal150")
    answer = bench("kinship", "--root", str(mixtures.parent / "sets"), "--preset", "quick")
    assert (answer["finished"], answer["failed"]) == (2, {}), "the even ones"
    text = (tmp_path / "out" / "kinship" / "kinship.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)["features"]["kinship"]
    known = presets.load("quick").recipe.features.kinship  # type: ignore[attr-defined]
    assert {name: len(rows) for name, rows in found["axes"].items()} == {
        name: len(rows) for name, rows in known.axes.items()
    }
    assert found["separation"] == sorted(found["separation"], reverse=True)
    own = tmp_path / "own.toml"
    own.write_text(f'base = "default"\ntitle = "Own"\n\n{text}', encoding="utf-8")
    assert presets.read(own).recipe.features.kinship.separation == tuple(found["separation"])  # type: ignore[attr-defined]


def test_what_varies_within_sounds_counts_less() -> None:
    """Two numbers differ as much between sounds; one of them varies within sounds, too, and a third tells nothing."""
    separation, axes = kinship.discriminants(np.diag([1.0, 9.0, 1.0]), np.outer([1, 1, 0], [1, 1, 0]), 2)
    ridge = 1 + kinship.RIDGE * 11 / 3
    assert separation[0] == pytest.approx(1 / ridge + 1 / (ridge + 8))
    assert axes[0, 0] / axes[1, 0] == pytest.approx((ridge + 8) / ridge)
    assert axes[2, 0] == pytest.approx(0, abs=1e-9)
    assert (separation.shape, axes.shape) == ((2,), (3, 2))


def test_reports_are_made_again_from_cached_results_alone(bench: Bench, mixtures: Path, tmp_path: Path) -> None:
    bench("universal150", "--root", str(mixtures), "--preset", "quick", "--baselines", "hpss", "--limit", "1")
    folder = tmp_path / "out" / "universal150"
    before = {name: (folder / name).read_bytes() for name in ("report.md", "report.html", "pictures/even-0.png")}
    for name in before:
        (folder / name).unlink()
    page = tmp_path / "page.md"
    page.write_text("Mine.\n<!-- results: universal150 -->\nold\n<!-- end -->\nAlso mine.\n")
    bench("report", "--page", str(page))
    assert {name: (folder / name).read_bytes() for name in before} == before
    text = page.read_text()
    assert text.startswith("Mine.\n") and text.endswith("Also mine.\n")
    assert "| quick | 0 | 1 |" in text and "old" not in text
    bench("report", "--page", str(page))
    assert page.read_text() == text


def test_what_cannot_be_measured_is_explained(bench: Bench, mixtures: Path, tmp_path: Path) -> None:
    assert "--root" in bench("universal150", code=2)["said"]
    assert "nonsense" in bench("universal150", "--root", str(mixtures), "--baselines", "nonsense", code=2)["said"]
    assert "nowhere" in bench("universal150", "--root", str(mixtures), "--preset", "nowhere", code=2)["said"]
    assert "holds no results" in bench("report", code=2)["said"]
    (mixtures / "1" / "gt1.wav").write_text("not audio")
    answer = bench("universal150", "--root", str(mixtures), "--preset", "quick", "--baselines", "none", code=1)
    assert list(answer["failed"]) == ["odd.1.quick.0"]
    assert "Failed: odd.1.quick.0" in answer["text"]
    assert answer["finished"] == 2


def test_three_sources_and_kinds_of_recordings(bench: Bench, mixtures: Path, tmp_path: Path) -> None:
    answer = bench(
        "trios", "--root", str(mixtures), "--preset", "quick", "--baselines", "hpss,oracle-ratio", "--limit", "1"
    )
    assert float(line(answer, "oracle-ratio")["SI-SDRi"]) > 8
    item = tmp_path / "recordings" / "stereo" / "one"
    item.mkdir(parents=True)
    left, right = (soundfile.read(mixtures / "0" / f"gt{k}.wav")[0] for k in (1, 2))
    sources = [np.stack([left, 0.2 * left], axis=1), np.stack([0.2 * right, right], axis=1)]
    for name, signal in zip(("s1", "s2", "mix"), [*sources, sum(sources)], strict=True):
        soundfile.write(item / f"{name}.wav", signal, RATE)
    arguments = ("--root", str(tmp_path / "recordings"), "--preset", "quick", "--baselines", "none")
    assert bench("recordings", *arguments)["finished"] == 2
    assert bench("recordings", *arguments, "--kind", "stereo")["reused"] == 1


def test_an_ear_that_chooses_never_loses(bench: Bench, mixtures: Path, tmp_path: Path) -> None:
    shutil.move(mixtures, tmp_path / "guided" / "universal150")
    arguments = ("--root", str(tmp_path / "guided"), "--kind", "universal150", "--preset", "quick", "--half", "even")
    answer = bench("guidance", *arguments)
    assert answer["finished"] == 2
    best = [float(row["SDR"]) for row in answer["tables"][0] if row["mixtures"] == "universal150"]
    assert best == sorted(best)
    assert len(best) == 4
    row = json.loads(Path(answer["results"]).read_text(encoding="utf-8"))["rows"][0]
    assert len(row["sdr"]) == len(row["what"]) > 1


def test_what_is_heard_at_the_clips_own_rate_is_reported_beside(
    bench: Bench, noise: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    (folder / "sources").mkdir(parents=True)
    time = np.arange(2 * HIGH_RATE) / HIGH_RATE
    tones = 0.2 * sum(np.sin(2 * np.pi * 500 * k * time) for k in (1, 3, 7, 15)) * (time % 0.5 < 0.2)
    soundfile.write(folder / "sources" / "tones.wav", tones, HIGH_RATE)
    soundfile.write(folder / "sources" / "hiss.wav", noise(1, 2 * HIGH_RATE)[0], HIGH_RATE)
    rows = "".join(f"open_{k},tones.wav,hiss.wav,{gain}\n" for k, gain in enumerate((0, 8, -8), 1))
    (folder / "pairs.csv").write_text(f"id,a,b,b_gain_db\n{rows}")

    arguments = ("--root", str(folder), "--preset", "quick", "--baselines", "oracle-ratio")
    assert bench("foley", *arguments, "--half", "even")["finished"] == 2
    answer = bench("foley", *arguments)
    assert (answer["finished"], answer["reused"]) == (4, 2)
    everything, own_rate, *_, reliability = answer["tables"]
    assert [row["items"] for row in everything] == ["3", "3"]
    (told,) = own_rate
    assert told["method"] == "quick", "the stems of a baseline end where its view does"
    assert all(float(told[name]) != 0 for name in ("below 5.5 kHz", "5.5 to 11", "loud", "LSD above 5.5", "edge"))
    assert told["11 to 20"] == told["leak"] == "-"
    assert {(row["clips"], row["number"]) for row in reliability} == {
        ("All 3 items", "3"),
        ("odd (2 items)", "2"),
        ("even (1 items)", "1"),
    }

    results = tmp_path / "out" / "foley" / "results.json"
    kept = json.loads(results.read_text())
    figures = [row.pop("bands", None) for row in kept["rows"]]
    assert [figure is not None for figure in figures] == [row["method"] == "quick" for row in kept["rows"]]
    shutil.rmtree(results.parent / "items")
    results.write_text(json.dumps(kept))
    bench("report")
    assert "own rate" not in (results.parent / "report.md").read_text(), "as results were that were kept before"


@pytest.mark.usefixtures("quick_paper")
def test_the_papers_figures_run_end_to_end(bench: Bench, tmp_path: Path) -> None:
    synthetic = bench(
        "synthetic", "--preset", "paper", "--baselines", "oracle-ratio", "--iterations", "2", "--limit", "2"
    )
    assert [row["sound"] for row in synthetic["tables"][0]] == ["curves", "curves", "tones", "tones"]
    assert float(line(synthetic, "oracle-ratio")["SI-SDR of source 2"]) > 25
    assert float(line(synthetic, "paper@2")["SI-SDR of source 2"]) < 25

    taken_away = bench("ablation", "--iterations", "3", "--seconds", "1")
    assert {row["method"] for row in taken_away["tables"][0]} == {
        f"{variant.title} ({name}@3)" for name, variant in ablation.VARIANTS.items()
    }
    rows = json.loads((tmp_path / "out" / "ablation" / "results.json").read_text())["rows"]
    assert len({str(row["each"]) for row in rows}) == len(ablation.VARIANTS), "every ablation changes the result"

    unfolding = bench("dynamics", "--iterations", "10", "--seconds", "1")
    assert len(unfolding["tables"][0][0]) == 3 + dynamics.MOMENTS
    kept = tmp_path / "out" / "dynamics" / "thumbnails" / "tabla_and_crow-1s.paper@10.0.npz"
    with np.load(kept) as arrays:
        assert arrays["iterations"].tolist() == list(range(1, 11))
        assert arrays["masks"].shape == arrays["stems"].shape == arrays["sounds"].shape
        assert arrays["stems"].shape[:2] == (10, 2)
        assert np.abs(np.diff(arrays["stems"].astype(float), axis=0)).mean() > 0
    pictures = {path.name for path in (tmp_path / "out" / "dynamics" / "pictures").iterdir()}
    assert pictures == {"gain.png", "tabla_and_crow-1s-paper@10-0.png"}


@pytest.mark.usefixtures("quick_paper")
def test_speed_gives_times_memory_and_factors(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"CLIP_S": 1.5, "LONGER": 2, "REPETITIONS": 2, "LENGTHS_S": (3.0,)}.items():
        monkeypatch.setattr(speed, name, value)
    answer = bench("speed", "--preset", "quick", "--iterations", "2")
    clip, fit, lengths, preview = (table[0] for table in answer["tables"])
    assert len(clip["runs (s)"].split(", ")) == speed.REPETITIONS
    assert float(clip["times faster than the paper's optimisation"]) > 0
    assert float(fit["s an iteration"]) > 0
    assert float(preview["s alone"]) > 0 and int(preview["previews beside"]) > 0
    assert lengths["seconds of audio"] == "3" and 100 < float(lengths["peak memory (MiB)"]) < 4096


def test_a_simulated_user_draws_boxes_where_they_help(
    bench: Bench, mixtures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user, "CANDIDATES", 4)
    monkeypatch.setattr(user, "REFINED", 2)
    answer = bench("boxes", "--root", str(mixtures), "--preset", "quick", "--limit", "1")
    assert (answer["finished"], answer["failed"]) == (1, {})
    (row,) = json.loads((tmp_path / "out" / "boxes" / "results.json").read_text())["rows"]
    assert row["boxes"] and all(box["end"] - box["start"] >= 0.099 for box in row["boxes"])
    own = [row["after"][count]["filled_own"] for count in ("1", "3", "5")]
    assert row["blind"] < own[0] <= own[1] <= own[2], "each box that a knowing user fills takes some error away"
    assert [line["boxes"] for line in answer["tables"][0]] == ["0", "1", "3", "5"]


@pytest.mark.usefixtures("quick_paper")
def test_what_a_gpu_is_measured_by_runs_without_one(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"CLIP_S": 1.0, "AGREED_S": 0.5, "TIMED": 4, "WARM_UP": 2}.items():
        monkeypatch.setattr(gpu, name, value)
    presets = [word for name in ("quick", "quick-dnp", "quick-texture") for word in ("--preset", name)]
    answer = bench("gpu", *presets, "--limit", "1", "--device", "cpu")
    assert answer["failed"] == {}
    iterations, clips, agreement, quality = answer["tables"][:4]
    assert sorted((row["preset"], row["how"]) for row in iterations) == [
        ("paper", "eager"),
        ("paper", "tuned"),
        ("quick-dnp", "eager"),
    ]
    assert all(float(row["ms an iteration"]) > 0 and row["device"] == "cpu" for row in iterations)
    assert {row["preset"] for row in clips} == {"quick", "quick-texture"}
    assert {row["preset"]: row["within"] for row in agreement} == {"paper": "yes", "quick": "yes"}
    assert float(quality[0]["SI-SDRi"]) > 0
