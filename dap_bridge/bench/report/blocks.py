"""Reports: the same blocks as Markdown, as HTML, and as tables inside a page that people write."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import atomic
from ...errors import BadRequest


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Table:
    """rows: as many cells each as `columns`; the first column is text, the others are numbers or short words."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """path: relative to the report."""

    path: str
    caption: str


Block = Heading | Paragraph | Table | Picture

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 1.5rem 0; } img { max-width: 100%; } figcaption { color: #555; }
"""


def markdown(blocks: Sequence[Block], pictures: str = "") -> str:
    """The blocks as Markdown; `pictures` is put before every picture's path."""
    return "\n\n".join(_markdown(block, pictures) for block in blocks) + "\n"


def _markdown(block: Block, pictures: str) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Table(columns, rows):
            rule = ["---", *["---:"] * (len(columns) - 1)]
            return "\n".join(f"| {' | '.join(line)} |" for line in (columns, rule, *rows))
        case Picture(path, caption):
            return f"![{caption}]({pictures}{path})"


def page(title: str, blocks: Sequence[Block]) -> str:
    """The blocks as one HTML page."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f"<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{html.escape(text)}</p>"
        case Table(columns, rows):
            head = "".join(f"<th>{html.escape(cell)}</th>" for cell in columns)
            lines = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
            return f"<table><tr>{head}</tr>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
        case Picture(path, caption):
            text = html.escape(caption)
            return f'<figure><img src="{html.escape(path)}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def write(folder: Path, title: str, blocks: Sequence[Block]) -> None:
    """report.md and report.html in `folder`."""
    whole = (Heading(title, 1), *blocks)
    atomic.write_text(folder / "report.md", markdown(whole))
    atomic.write_text(folder / "report.html", page(title, whole))


def fill(text: str, name: str, content: str) -> str:
    """A page with what stands between `<!-- results: NAME -->` and `<!-- end -->` replaced.

    Raises BadRequest where the page has no such place.
    """
    place = re.compile(rf"(<!-- results: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(text):
        raise BadRequest(f"The page has no place for the results of {name}.", f"Add <!-- results: {name} --> to it.")
    return place.sub(lambda match: f"{match[1]}\n{content}\n{match[2]}", text)
