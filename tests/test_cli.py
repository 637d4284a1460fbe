"""The command line as a user's script sees it: output, exit status, what is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from dap_bridge import demo
from tests.conftest import Start
from tests.processes import free_port, until
from tests.terminal import ENDINGS, dap, program

RATE = 44_100


@pytest.fixture
def clip(write_clip: Callable[..., Path], noise: Callable[..., np.ndarray]) -> Path:
    return write_clip(noise(2, RATE), RATE, "Küche & Vogel.wav")


def test_separate_prints_the_manifest_it_wrote(clip: Path, tmp_path: Path) -> None:
    result = program("separate", clip, "--out", tmp_path / "out", "--preset", "quick", "--seed", 3, "--json")
    assert result.returncode == 0, result.stderr
    manifest = json.loads(result.stdout)
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["version"], manifest["verb"], manifest["preset"], manifest["seed"]) == (1, "separate", "quick", 3)
    assert manifest["inputs"][0]["path"] == str(clip)
    assert [stem["name"] for stem in manifest["stems"]] == ["Küche & Vogel - stem 1", "Küche & Vogel - stem 2"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "Küche & Vogel - stem 1.wav",
        "Küche & Vogel - stem 2.wav",
        "manifest.json",
    ]


def test_separate_says_in_words_where_the_stems_are(clip: Path, tmp_path: Path) -> None:
    result = dap("separate", clip, "--out", tmp_path / "out", "--preset", "quick")
    assert result.returncode == 0
    assert str(tmp_path / "out") in result.stdout
    assert "null test" in result.stdout


def test_another_answer_is_asked_for_and_chosen(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAP_BRIDGE_DATA", str(tmp_path / "data"))
    out, one, chosen = (tmp_path / name for name in ("out", "one", "chosen"))
    result = dap("separate", clip, "--out", out, "--preset", "quick", "--alternatives", 3)
    assert result.returncode == 0, result.stderr
    assert "alternative-2  another answer, " in result.stdout
    result = dap("choose", out, "--alternative", 2, "--out", chosen)
    assert result.returncode == 0, result.stderr
    what = json.loads((out / "manifest.json").read_text())["alternatives"][1]["what"]
    assert f"{clip.stem}, {what} - stem 1" in result.stdout
    assert dap("separate", clip, "--out", one, "--preset", "quick").returncode == 0
    assert len(list(one.iterdir())) == 3, "there is no other answer where none is asked for"
    assert dap("choose", out, "--alternative", 7, "--out", tmp_path / "none").returncode == 2


def test_the_format_is_asked_for_or_set(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAP_BRIDGE_FORMAT", "16")
    for asked, suffix, subtype in (((), ".wav", "PCM_16"), (("--format", "flac"), ".flac", "PCM_24")):
        name = f"{clip.stem} - stem 1{suffix}"
        out = tmp_path / subtype
        result = dap("separate", clip, "--length", 0.2, "--preset", "quick", "--out", out, *asked, "--json")
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["stems"][0]["path"] == name
        assert soundfile.info(out / name).subtype == subtype


def test_texture_makes_as_many_as_asked(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--seconds", 1.5, "--variations", 2, "--variation", 0.8, "--preset", "quick-texture", "--out", out]
    result = dap("texture", clip, *options, "--json")
    assert result.returncode == 0, result.stderr
    manifest = json.loads(result.stdout)
    assert (manifest["verb"], manifest["frames"], manifest["null_db"]) == ("texture", 66_150, None)
    names = [f"{clip.stem} - texture {number}.wav" for number in (1, 2)]
    assert sorted(path.name for path in out.iterdir()) == [*names, "manifest.json"]
    gap = dap(
        "texture", clip, "--mode", "fill", "--gap-start", 0.5, "--seconds", 0.1, *options[-4:-1], tmp_path / "gap"
    )
    assert gap.returncode == 0, gap.stderr
    assert "1 stem in" in gap.stdout
    assert soundfile.info(tmp_path / "gap" / names[0]).frames == 4_410
    assert dap("texture", clip, "--seconds", 1, "--mode", "fill", "--out", tmp_path / "none").returncode == 2


def test_coseparate_and_denoise_print_the_manifest_they_wrote(clip: Path, tmp_path: Path) -> None:
    for verb, clips, roles in (
        ("coseparate", [clip, clip], ["shared", "source", "shared", "source", "shared"]),
        ("denoise", [clip, "--length", 0.5, "--strength", 0.5], ["speech", "noise"]),
    ):
        result = dap(verb, *clips, "--out", tmp_path / verb, "--json")
        assert result.returncode == 0, result.stderr
        manifest = json.loads(result.stdout)
        assert (manifest["verb"], [stem["role"] for stem in manifest["stems"]]) == (verb, roles)
        assert manifest["null_db"] <= -100
        assert all((tmp_path / verb / stem["path"]).is_file() for stem in manifest["stems"])
    assert dap("coseparate", clip, "--out", tmp_path / "one").returncode == 2
    assert dap("denoise", clip, "--strength", 1.5, "--out", tmp_path / "loud").returncode == 2


def test_seconds_become_frames_of_the_file(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = dap("separate", clip, "--start", 0.25, "--length", 0.5, "--out", out, "--preset", "quick", "--json")
    manifest = json.loads(result.stdout)
    assert (manifest["inputs"][0]["start"], manifest["frames"]) == (11_025, 22_050)
    total = sum(soundfile.read(out / stem["path"])[0] for stem in manifest["stems"])
    np.testing.assert_allclose(total, soundfile.read(clip, start=11_025, frames=22_050)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["--sources", "1"], 2, "bad_request"),
        (["--seed", "-1"], 2, "bad_request"),
        (["--preset", "nothing"], 2, "bad_preset"),
        (["--start", "5"], 1, "bad_clip"),
        (["--length", "2"], 1, "bad_clip"),
        (["--device", "cuda"], 1, "device_unavailable"),
    ],
)
def test_an_error_has_a_status_a_code_a_sentence_and_a_hint(
    clip: Path, tmp_path: Path, arguments: list[str], status: int, code: str
) -> None:
    if code == "device_unavailable":
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
    result = dap("separate", clip, "--out", tmp_path / "out", "--json", "--preset", "quick", *arguments)
    assert result.returncode == status
    error = json.loads(result.stdout)["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["message"].split()[0] in result.stderr
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = program("separate", tmp_path / "none.wav", "--out", tmp_path / "out")
    assert result.returncode == 1
    assert "none.wav" in result.stderr.replace("\n", "")


@pytest.mark.parametrize(
    "arguments", [["separate"], ["coseparate", "x.wav"], ["nonsense"], ["separate", "x", "--start", "-1"]]
)
def test_bad_arguments_end_with_two(arguments: list[str]) -> None:
    assert dap(*arguments).returncode == 2


def test_nothing_is_overwritten(clip: Path, tmp_path: Path) -> None:
    for expected in (0, 1):
        result = dap("separate", clip, "--out", tmp_path / "out", "--preset", "quick")
        assert result.returncode == expected
    assert f"already holds {clip.stem} - stem 1.wav" in result.stderr


def begin(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dap_bridge", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | environment)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for one process")


@POSIX
@pytest.mark.parametrize("number", ENDINGS)
def test_whatever_ends_a_job_leaves_nothing(
    tmp_path: Path, write_clip: Callable[..., Path], noise: Callable[..., np.ndarray], number: int
) -> None:
    """ctrl-C, kill, and the terminal that is closed."""
    clip = write_clip(noise(2, 30 * RATE), RATE)
    out = tmp_path / "a" / "out"
    process = begin("separate", clip, "--out", out, TMPDIR=str(tmp_path))
    until(out.exists, 60)
    process.send_signal(number)
    status, errors = ended(process)
    assert status == 130
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == ["clip.wav"]


@POSIX
@pytest.mark.parametrize("number", ENDINGS)
def test_whatever_ends_a_sender_that_waits_cancels_the_job(tmp_path: Path, start: Start, number: int) -> None:
    daemon = start()
    out = daemon.home / "out-a"
    job = ("--label", "sleep 60", "--out", out, "--job", "a", "--osc-port", daemon.port, "--wait")
    process = begin("send", "refine", "session", *job)
    until(out.exists)
    process.send_signal(number)
    status, errors = ended(process)
    assert (status, "Traceback" in errors) == (130, False)
    assert daemon.left() == []


@POSIX
def test_a_demo_that_is_ended_takes_its_daemon_along(tmp_path: Path) -> None:
    process = begin("demo", "--out", tmp_path / "demo", TMPDIR=str(tmp_path))
    child = until(lambda: psutil.Process(process.pid).children(), 60)[0]
    process.terminate()
    assert ended(process)[0] == 130
    assert not child.is_running()
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_what_nohup_had_a_command_ignore_it_ignores(tmp_path: Path, start: Start) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    command = [sys.executable, "-m", "dap_bridge", "serve", "--osc-port", str(free_port())]
    folders = ["--data", str(tmp_path / "data"), "--spool", str(tmp_path / "spool")]
    for before, hung_up in ((ignore, False), (None, True)):
        with subprocess.Popen([*command, *folders], preexec_fn=before, stderr=subprocess.DEVNULL) as daemon:
            until((tmp_path / "spool" / "daemon.status").exists)
            daemon.send_signal(signal.SIGHUP)
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=20 if hung_up else 1)
            assert (daemon.poll() == 0) == hung_up
            daemon.terminate()
            assert daemon.wait(20) == 0
        assert not (tmp_path / "spool" / "daemon.status").exists()


def test_presets_are_listed_and_a_bad_one_is_explained(
    quick_presets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.toml").write_text("title = 3")
    monkeypatch.setenv("DAP_BRIDGE_PRESETS_DIR", str(tmp_path))
    listed = json.loads(dap("presets", "--json").stdout)
    assert listed["default"]["method"] == "consensus"
    assert listed["paper"]["method"] == "paper"
    assert listed["broken"]["error"]["code"] == "bad_preset"
    text = dap("presets").stdout
    assert "default" in text
    assert "broken" in text


def test_edit_gives_the_page_of_a_session_and_starts_a_daemon_where_none_runs(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = start()
    editor = daemon.editor
    result = dap("edit", "take-1", "--no-browser", "--spool", daemon.spool)
    assert (result.returncode, result.stdout) == (0, f"{editor}take-1\n")
    assert dap("edit", "../take", "--no-browser", "--spool", daemon.spool).returncode == 2
    daemon.end()
    monkeypatch.setenv("DAP_BRIDGE_OSC_PORT", str(free_port()))
    again = dap("edit", "take-1", "--no-browser", "--spool", daemon.spool)
    try:
        assert (again.returncode, again.stdout) == (0, f"{daemon.editor}take-1\n"), again.stderr
    finally:
        os.kill(int(daemon.told["pid"]), signal.SIGTERM)


def test_the_doctor_finds_this_machine_well() -> None:
    result = dap("doctor", "--json", "--osc-port", 39_377)
    report = json.loads(result.stdout)
    assert (result.returncode, report["ok"]) == (0, True), report
    names = {check["name"] for check in report["checks"]}
    assert {
        "Python",
        "torch",
        "device",
        "presets",
        "OSC port 39377",
        "data folder",
        "drop folder",
        "mp3",
        "ffmpeg",
    } <= names


def test_the_doctor_names_what_is_wrong_and_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("DAP_BRIDGE_SPOOL", str(tmp_path / "file"))
    monkeypatch.setenv("DAP_BRIDGE_OPEN_OSC", "true")
    result = dap("doctor", "--json")
    checks = json.loads(result.stdout)["checks"]
    assert "open_osc" in next(check["found"] for check in checks if check["name"] == "OSC key")
    broken = [check for check in checks if not check["ok"]]
    assert result.returncode == 1
    assert [check["name"] for check in broken] == ["drop folder"]
    assert broken[0]["fix"]


def test_the_demo_does_the_main_job_and_judges_it(tmp_path: Path) -> None:
    """Into a folder beside the one that is named, where that one holds something."""
    assert demo._free(tmp_path / "demo") == tmp_path / "demo"
    (tmp_path / "demo").mkdir()
    assert demo._free(tmp_path / "demo") == tmp_path / "demo"
    (tmp_path / "demo" / "manifest.json").touch()
    result = program("demo", "--out", tmp_path / "demo", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["null_db"] <= -100
    assert sum(stem["gain_db"] for stem in report["stems"]) / 2 >= 15
    assert {stem["sound"] for stem in report["stems"]} == {"tabla", "crow"}
    picture = Path(report["picture"]).read_bytes()
    assert picture.startswith(b"\x89PNG")
    folder = {path.name for path in (tmp_path / "demo-2").iterdir()}
    assert folder == {"stem-1.wav", "stem-2.wav", "manifest.json", "demo.json", "spectrograms.png"}
    assert Path(report["manifest"]).parent == tmp_path / "demo-2"
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["manifest.json"]


def test_send_without_a_daemon_says_how_to_start_one(clip: Path, tmp_path: Path) -> None:
    result = dap("send", "separate", clip, "--out", tmp_path / "out", "--osc-port", 39_378, "--wait")
    assert result.returncode == 1
    assert "dap-bridge serve" in result.stderr


def test_the_verbs_reach_a_daemon(clip: Path, tmp_path: Path, start: Start) -> None:
    daemon = start("real", "-m", "dap_bridge", "serve")
    port = ("--osc-port", daemon.port)
    assert json.loads(dap("send", "hello", *port, "--json").stdout)["pid"] == daemon.process.pid

    job = ("--preset", "quick", "--job", "a", *port)
    done = dap("send", "separate", clip, "--out", tmp_path / "out", *job, "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    again = dap("send", "separate", clip, "--out", tmp_path / "out", *job)
    assert (again.returncode, again.stdout.strip()) == (0, "a: done")

    failed = dap("send", "separate", clip, "--start", 9, "--preset", "quick", *port, "--wait", "--json")
    assert (failed.returncode, json.loads(failed.stdout)["error"]["code"]) == (1, "bad_clip")
    other = dap("send", "separate", clip, "--seed", 1, *job)
    assert other.returncode == 1
    assert "job_conflict" in other.stderr
    unknown = dap("send", "cancel", "nobody", *port)
    assert unknown.returncode == 1
    assert "unknown_job" in unknown.stderr
    assert json.loads(dap("send", "status", *port, "--json").stdout) == {"jobs": []}
    checks = json.loads(dap("doctor", *port, "--json").stdout)["checks"]
    assert f"pid {daemon.process.pid}" in next(check["found"] for check in checks if check["name"].startswith("OSC"))


def test_a_job_waits_can_be_cancelled_and_resumed(tmp_path: Path, start: Start) -> None:
    """Against the stub, whose jobs take as long as their label says."""
    daemon = start()
    daemon.client.send(daemon.separate("a", "sleep 30"))
    daemon.running("a")
    port = ("--osc-port", daemon.port)
    assert dap("send", "status", *port).stdout.strip() == "a  separate  running"
    assert dap("send", "cancel", "a", *port).stdout.strip() == "a: cancelled"
    assert daemon.left() == []
    resumed = dap("send", "resume", "a", *port)
    assert (resumed.returncode, resumed.stdout.strip()) == (0, "a: accepted")
