"""Every `reaper.X` of a Lua file, read from its text: branches that no test runs are seen too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""--\[(?P<c>=*)\[.*?\](?P=c)\] | --[^\n]* | \[(?P<s>=*)\[.*?\](?P=s)\]
    | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | [A-Za-z_]\w* | \d[\w.]* | \.\.\. | \s+ | .""",
    re.VERBOSE | re.DOTALL,
)
OPENING = {"(": ")", "{": "}", "[": "]", "function": "end", "if": "end", "do": "end", "repeat": "until"}


@dataclass(frozen=True)
class Use:
    """A name of `reaper` and how many arguments it is called with: None where it is not called."""

    name: str
    arguments: int | None
    line: int


def tokens_of(text: str) -> list[tuple[str, int]]:
    """The words and signs of a Lua text, and the line that each stands in; without space and comments."""
    tokens, line = [], 1
    for match in TOKEN.finditer(text):
        token = match.group()
        if not token.isspace() and not token.startswith("--"):
            tokens.append((token, line))
        line += token.count("\n")
    return tokens


def uses(text: str) -> Iterator[Use]:
    tokens = tokens_of(text)
    words = [token for token, _ in tokens]
    for index in range(len(words) - 2):
        if words[index] == "reaper" and words[index + 1] == "." and (index == 0 or words[index - 1] != "."):
            called = words[index + 3 : index + 4] == ["("]
            yield Use(words[index + 2], arguments(words, index + 4) if called else None, tokens[index][1])


def arguments(words: list[str], at: int) -> int:
    """How many arguments stand between the bracket before `at` and the one that closes it."""
    if words[at] == ")":
        return 0
    waiting, count = [")"], 1
    while True:
        word = words[at]
        if word == waiting[-1]:
            waiting.pop()
            if not waiting:
                return count
        elif word in OPENING:
            waiting.append(OPENING[word])
        elif word == "," and len(waiting) == 1:
            count += 1
        at += 1
