"""The pages that people read: their links lead somewhere, what they name exists, and they can be read as text."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import click
import pytest

from dap_bridge.cli import main
from tests.processes import CHECKOUT

DOCS = CHECKOUT / "docs"
README = CHECKOUT / "README.md"
GENERATED = {DOCS / "protocol.md"}
PAGES = sorted([README, *DOCS.glob("*.md"), *DOCS.glob("methods/*.md"), *DOCS.glob("notebook/*.md")])
METHODS = [page for page in PAGES if page.name == "method.md" or page.parent.name == "methods"]
ELSEWHERE = [CHECKOUT / name for name in ("CHANGELOG.md", "daw_scripts/README.md", "tests/trust/README.md")]

WIDTH = 100
README_LINES = 75

# The verb that docs/contributing.md adds.
EXAMPLE = "gain"


def of_pages(*paths: Path) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", [pytest.param(path, id=str(path.relative_to(CHECKOUT))) for path in paths])


def prose(page: Path) -> list[tuple[int, str]]:
    """Numbered lines of a page, without fenced code and without what the benchmarks fill in."""
    lines, skipped = [], ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if skipped:
            skipped = "" if line.strip().startswith(skipped) else skipped
        elif line.strip().startswith("```"):
            skipped = "```"
        elif line.startswith("<!-- results"):
            skipped = "<!-- end"
        else:
            lines.append((number, line))
    return lines


def code(page: Path) -> list[str]:
    """What a page sets as code: the lines of its blocks, and what stands between backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", text) + re.findall(r"^ {4}(\S.*)", text, re.MULTILINE)


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them of its headings."""
    seen: Counter[str] = Counter()
    anchors = set()
    for _, line in prose(page):
        if match := re.match(r"#+ +(.+)", line):
            slug = re.sub(r"[^\w\- ]", "", match[1].lower()).strip().replace(" ", "-")
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return anchors


def links(page: Path) -> list[str]:
    text = "\n".join(line for _, line in prose(page))
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text))


@of_pages(*PAGES, *ELSEWHERE)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


@of_pages(*(page for page in PAGES if page not in GENERATED))
def test_lines_of_prose_are_short(page: Path) -> None:
    tables_and_pictures = re.compile(r" *\||!\[| {4,}")
    long = [(n, line) for n, line in prose(page) if len(line) > WIDTH and not tables_and_pictures.match(line)]
    assert not long


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= README_LINES


@of_pages(*PAGES)
def test_commands_that_a_page_names_exist(page: Path) -> None:
    targets = re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for line in code(page):
        if match := re.match(r"make ([a-z][\w-]*)", line):
            assert match[1] in targets, line
        if match := re.match(r"(?:\.venv/bin/)?dap-bridge ([a-z]+)(?: ([a-z]\w+))?", line):
            command = main.commands.get(match[1])
            assert command is not None or match[1] == EXAMPLE, line
            if match[2] and isinstance(command, click.Group):
                assert match[2] == EXAMPLE or command.get_command(click.Context(command), match[2]), line


@of_pages(*METHODS)
def test_functions_that_a_page_of_a_method_names_exist(page: Path) -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "dap_bridge").rglob("*.py"))
    named = set(re.findall(r"`(\w+)\(\)`", page.read_text(encoding="utf-8"))) - {"name"}
    assert {name for name in named if not re.search(rf"^ *def {name}\(", code, re.MULTILINE)} == set()


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [README]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if ":" not in link]
    assert set(PAGES) <= reached
