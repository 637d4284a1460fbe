"""What a person at a terminal is told, and may type: their own words and units, and a shell that completes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dap_bridge import times
from dap_bridge.cli import main
from dap_bridge.domain import Progress
from tests.terminal import dap, program

# How pydantic and the engine speak, and what only they know.
FOREIGN = re.compile(
    r"Tuple|Input should|String should|Field required|Extra inputs|validation|valid (integer|string)"
    r"|Fields of|reply_port|\bframes?\b|\bitem\b|Traceback",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_clip: Callable[..., Path]) -> Path:
    """A folder with a clip of one second, and a folder in it without any result."""
    monkeypatch.chdir(tmp_path)
    write_clip(0.1 * np.random.default_rng(0).standard_normal((1, 8_000)), 8_000, "clip.wav")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.wav").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("coseparate clip.wav", "in 2 to 64 clips, not in 1"),
        ("coseparate " + "clip.wav " * 65, "in 2 to 64 clips, not in 65"),
        ("separate clip.wav --sources 1", "sources must be 2 or more, not 1"),
        ("separate clip.wav --sources 99", "sources must be 8 or less, not 99"),
        ("separate clip.wav --seed -1", "seed must be 0 or more, not -1"),
        ("separate clip.wav --start 1:99", "a minute has 60 seconds"),
        ("separate clip.wav --start later", "'later' is no time: 3.5, 0:03.5 or 1:02:03"),
        ("separate clip.wav --length 0", "more than nothing"),
        ("separate clip.wav --start 1e99", "no time"),
        ("separate clip.wav --start 9999:00:00", "longer than any clip"),
        ("separate clip.wav --start 0:05 -p quick", "would start at 0:05.000, and the file ends at 0:01.000"),
        ("separate clip.wav --length 0:03 -p quick", "would end at 0:03.000, after the file's end at 0:01.000"),
        ("separate clip.wav --only stem=1,start=0", "end is missing"),
        ("separate clip.wav --only stem=1,start=0,end=0:61", "a minute has 60 seconds"),
        ("separate clip.wav --only stem=9,start=0,end=1 -p quick", "there is no stem 9, only 2"),
        ("separate clip.wav --like stem=1", "clip is missing"),
        ("separate clip.wav --like stem=x,clip=clip.wav", "like"),
        ("separate clip.wav -p 'a b'", "preset cannot be 'a b'"),
        ("separate none.wav", "There is no file"),
        ("separate empty.wav", "is empty"),
        ("separate folder", "The folder folder holds no audio file"),
        ("send separate folder", "is no file but a folder"),
        ("texture clip.wav --seconds 99:00:00", "at the longest"),
        ("texture clip.wav --seconds 1 --variation 3", "variation must be 1 or less, not 3"),
        ("texture clip.wav --seconds 1 --mode fill", "fill needs one of"),
        ("denoise clip.wav --strength nan", "strength must be 1 or less, not nan"),
        ("refine folder", "The folder folder holds no result"),
        ("refine last", "There is no last result"),
        ("refine nobody", "There is no session 'nobody'"),
        ("refine no/body", "'no/body' is no folder that is there"),
        ("refine clip.wav", "is no manifest"),
        ("send refine nobody --box stem=1", "box 1: op is missing"),
        ("edit folder", "The folder folder holds no result"),
        ("choose nobody --alternative 9", "9"),
        ("send separate clip.wav --job a/b", "job cannot be 'a/b'"),
    ],
)
def test_bad_input_is_answered_in_a_persons_words(typed: str, said: str) -> None:
    done = dap(*[word.strip("'") for word in re.findall(r"'[^']*'|\S+", typed)])
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert not FOREIGN.search(done.stderr), done.stderr


def test_a_misspelt_setting_is_told_what_it_may_have_meant(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "config.toml").write_text("osc_prot = 1")
    monkeypatch.setenv("DAP_BRIDGE_CONFIG", str(here / "config.toml"))
    done = dap("sessions")
    assert (done.returncode, "Is osc_port meant?" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("3.5", 3.5, "0:03.5"),
        ("0:03.5", 3.5, "0:03.5"),
        ("6:59.99", 419.99, "7:00.0"),
        ("90", 90, "1:30.0"),
        ("1:02:03", 3723, "1:02:03.0"),
        ("59:59.97", 3599.97, "1:00:00.0"),
        (".25", 0.25, "0:00.2"),
    ],
)
def test_times_are_read_and_shown_as_people_write_them(text: str, seconds: float, shown: str) -> None:
    assert times.parse(text) == pytest.approx(seconds)
    assert times.show(seconds) == shown


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:60:00", "nan", "inf", "1:2:3:4", "1e3", "0x1"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        times.parse(text)


def test_times_in_boxes_and_spans_are_seconds_to_the_engine() -> None:
    from dap_bridge.verbs.command import Placed

    text = "stem=1,start=0:01.5,end=1:02:03.25,low=200"
    assert Placed().convert(text, None, None) == "stem=1,start=1.5,end=3723.25,low=200"
    path = "stem=1,clip=/a=0:01/start 0:02.wav,start=2"
    assert Placed().convert(path, None, None) == path


def test_progress_in_a_pipe_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dap_bridge import console

    clock = iter(range(20))
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock) / 2)
    with console.progress_bar("separate") as show:
        for number in range(9):
            show(Progress(fraction=number / 10, stage="redrawing", seconds_left=75.0, device="cpu"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "separate: 0 %  redrawing, 1:15.0 left, cpu"
    assert 2 <= len(lines) <= 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_what_completes_the_command(shell: str) -> None:
    done = dap("completion", shell)
    assert done.returncode == 0
    assert f"_DAP_BRIDGE_COMPLETE={shell}_complete" in done.stdout


def test_presets_and_results_are_completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def completed(words: str) -> list[str]:
        monkeypatch.setenv("_DAP_BRIDGE_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", f"dap-bridge {words}")
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" "))))
        with pytest.raises(SystemExit):
            main(args=[], prog_name="dap-bridge")
        return capsys.readouterr().out.split()

    assert "plain,draft" in completed("separate --preset d")
    assert completed("undo la") == ["plain,last", "file,la"]
    assert "plain,service" in completed("ser")


def test_the_version_has_a_short_option() -> None:
    assert dap("-V").stdout == program("--version").stdout
