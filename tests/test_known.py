"""What a user knows, as it is typed: spans of time, and examples that lie in files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dap_bridge.cli import root
from dap_bridge.domain import Span
from dap_bridge.errors import BadRequest
from dap_bridge.verbs.command import example_text

RATE = 16_000


def test_a_span_names_its_stem_by_number_or_by_what_the_verb_calls_it() -> None:
    assert Span.parse("end=1.5, start=0,stem=2") == Span(2, 0.0, 1.5)
    assert Span.parse("stem=noise,start=0,end=1.5", ("speech", "noise")) == Span(2, 0.0, 1.5)


@pytest.mark.parametrize(
    ("text", "names", "reason"),
    [
        ("stem=0,start=0,end=1", (), "whole number from 1"),
        ("stem=2,start=0,end=1", ("speech", "noise"), "speech or noise"),
        ("stem=1,start=1,end=1", (), "must come after"),
        ("stem=1,start=-1,end=1", (), "negative"),
        ("stem=1,start=0,end=inf", (), "finite"),
        ("stem=1,start=0", (), "end is missing"),
        ("stem=1,start=0,end=1,low=3", (), "'low=3' is none of"),
    ],
)
def test_a_span_that_cannot_be_is_refused(text: str, names: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Span.parse(text, names)


def test_an_example_is_typed_in_seconds_and_sent_in_frames(write_clip: Callable[..., Path]) -> None:
    fan = write_clip(np.zeros(3 * RATE), RATE, name="fan, old.wav")
    assert example_text("--noise-like", f"clip={fan}") == f"0::{RATE}:{fan}"
    assert example_text("--noise-like", f"clip={fan},start=0.5,length=2") == f"8000:32000:{RATE}:{fan}"
    assert example_text("--like", f"start=1,clip={fan},stem=2", "stem") == f"2:16000::{RATE}:{fan}"


@pytest.mark.parametrize(
    "text", ["fan.wav", "clip=fan.wav,start=-1", "clip=fan.wav,length=0", "start=1", "clip=a,stop=1,start=x"]
)
def test_an_example_that_cannot_be_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(BadRequest, match="--noise-like") as raised:
        example_text("--noise-like", text)
    assert "clip=fan.wav,start=2.0,length=3.0" in raised.value.hint


def test_the_noise_is_learned_from_the_command_line(tmp_path: Path, write_clip: Callable[..., Path]) -> None:
    noise = np.random.default_rng(0)
    clip = write_clip(0.03 * noise.standard_normal(2 * RATE), RATE)
    fan = write_clip(0.03 * noise.standard_normal(RATE), RATE, name="fan.wav")
    words = ["denoise", str(clip), "--out", str(tmp_path / "out"), "--json", "--noise-like", f"clip={fan},length=0.5"]
    answer = CliRunner().invoke(root.main, [*words, "--only", "stem=noise,start=0,end=1"])
    assert answer.exit_code == 0, answer.output
    assert [stem["role"] for stem in json.loads(answer.stdout)["stems"]] == ["speech", "noise"]
    answer = CliRunner().invoke(root.main, [*words, "--only", "stem=fan,start=0,end=1"])
    assert answer.exit_code == root.BAD_ARGUMENTS
    assert "speech or noise" in answer.output
