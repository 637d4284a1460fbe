"""One word, one thing: what the glossary takes out of use is in no name, docstring or comment."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from tests.processes import CHECKOUT

GLOSSARY = CHECKOUT / "docs" / "glossary.md"
# Read whole; of Python only names, docstrings and comments, for its texts are the wire's, and people's.
TEXTS = ("dap_bridge/web/*/*.js", "daw_scripts/**/*.lua", "daw_scripts/audacity/parts/*.lsp", "presets/*.toml")
# Beside the plural.
FORMS = {"fit": "fitted fitting refit refitted", "mark": "marked marking", "look": "", "bridge": "bridging"}
# Where a word may stand all the same: in "PATH: LINE", with the reason.
MAY: dict[str, dict[str, str]] = {
    "bridge": {
        r"(?i)dap[-_]bridge": "the product",
        r"DAP_(Start )?[Bb]ridge": "names of actions, which people's key maps hold",
        r"bridge\.tsv": "a file",
    },
    "chance": {r"chances( =|:)|\.chances": "a key of presets"},
    "committee": {r"^presets/best\.toml: description.*": "benchmarks hold its digest"},
    "fit": {
        r"(not|made|must|be|none) fits?|fits? (in|into|for|together)|What fits": "to have room, to suit",
        r"fits_(gib|days)|\bfits:|\.fits|call a learned state a fit": "settings, and a field of sessions",
        r"\bfit: (bool|Annotated)|fit=(True|False|fit)|\"fit\": fit": "a field of requests",
        r"\[fit[\].]|\.fit\b|\bfit=replace|(\bfit: )?(Paper|Texture|Waveform)Fit": "a key of presets",
        r"^dap_bridge/web/page/(refining|navigation|keys|view)\.js.*": "a field of requests; the view's Fit",
        r"\.fit_(predict|transform)": "scikit-learn's",
        r"^presets/(dnp|paper)\.toml: description.*": "benchmarks hold their digests",
    },
    "look": {
        r"[Ll]ooks? (at|for|into|through|beyond|apart|small|like|more)|together looks|user looks": "to see",
        r"look_(at|often)": "to see",
        r"\blooks( =|:)|\.looks": "a key of presets",
        r"^dap_bridge/web/page/.*": "how the picture is painted",
    },
    "mark": {
        r"question mark|\(MARK\)|\.mark\b|dap-(write-)?mark": "signs and files",
    },
    "refinement": {r"\bRefinement\b|[.\[\"`]refinement\b|\brefinement[:=]": "a key of presets"},
    "task": {
        r"Dask task|get_current_task|state\.tasks|cpus-per-task": "Dask's, and Slurm's",
        r"asyncio\.\w*[Tt]ask|self\._task|bars\.add_task|BackgroundTask": "asyncio's, rich's, and starlette's",
    },
}


def banned() -> dict[str, str]:
    """The glossary's last column, word by word -> what it must not stand for."""
    found: dict[str, list[str]] = {}
    for row in re.findall(r"^\| (.+?) \| .* \| (.+?) \|$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE):
        for word in row[1].split(", ") if row[1] != "not" else ():
            found.setdefault(word, []).append(row[0])
    return {word: " and ".join(instead) for word, instead in found.items()}


def words(text: str) -> str:
    """In lower case, names taken apart: `front.hopSize_s` -> "front.hop size s"."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+", " ", text)
    return re.sub(r"[ \t]+", " ", apart).lower()


def of_python(source: str) -> Iterator[tuple[int, str]]:
    """Line number and text of every name, comment and line of a docstring."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NAME, tokenize.COMMENT):
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and ast.get_docstring(node):
                yield from enumerate(str(first.value.value).split("\n"), first.lineno)


@cache
def texts(source: str, python: bool) -> list[tuple[int, str]]:
    """What is read of a file, taken apart: line number and words."""
    found = of_python(source) if python else enumerate(source.split("\n"), 1)
    return [(number, words(text)) for number, text in found]


def uses(name: str, source: str, word: str, may: Iterable[str]) -> Iterator[str]:
    """Where a file called `name` has the word and may not: "PATH: LINE"."""
    form = re.compile(rf"\b({'|'.join([f'{word}s?', *FORMS.get(word, '').split()])})\b")
    lines = source.split("\n")
    for number in sorted({number for number, text in texts(source, name.endswith(".py")) if form.search(text)}):
        line = left = f"{name}: {lines[number - 1].strip()}"
        for pattern in may:
            left = re.sub(pattern, "", left)
        if form.search(words(left.partition(": ")[2])):
            yield line


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """What is read, by its path."""
    paths = [*(CHECKOUT / "dap_bridge").rglob("*.py"), *(path for text in TEXTS for path in CHECKOUT.glob(text))]
    return {path.relative_to(CHECKOUT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}


@pytest.mark.parametrize("word", banned())
def test_a_word_stands_for_one_thing(word: str, sources: dict[str, str]) -> None:
    found = [use for name, source in sources.items() for use in uses(name, source, word, MAY.get(word, {}))]
    assert not found, f"{word!r} is not the word for: {banned()[word]}"


def test_what_may_stand_does_stand(sources: dict[str, str]) -> None:
    """An exception goes with the last line that needs it."""
    assert MAY.keys() <= banned().keys()
    for word, may in MAY.items():
        lines = [use for name, source in sources.items() for use in uses(name, source, word, ())]
        assert [pattern for pattern in may if not any(re.search(pattern, line) for line in lines)] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.py", "def read_fit():\n    return None\n"),
        ("a.py", "class PanelFits:\n    a = 1\n"),
        ("a.py", '"""Of the fit."""\n'),
        ("a.py", "a = 1  # as the fit has it\n"),
        ("a.lua", "local fitted = 1\n"),
        ("a.toml", "a = 1  # of the fit\n"),
    ],
)
def test_a_word_is_found_in_names_docstrings_and_comments(name: str, source: str) -> None:
    assert len(list(uses(name, source, "fit", MAY["fit"]))) == 1


def test_the_wire_is_left_alone() -> None:
    assert not list(uses("a.py", 'fields = {"fit": True, "hint": "a benefit"}\n', "fit", ()))
