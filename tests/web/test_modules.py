"""How the page is cut: read from its files, and its state tried by itself."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from dap_bridge.web import FRONT, PAGE
from tests.web.editor import Editor

# By how their addresses end: those of the editor, which the front page uses, too, and those of the front page.
PLACES = {"": PAGE, "front/": FRONT}
MODULES = {
    below + path.name: path.read_text(encoding="utf-8")
    for below, place in PLACES.items()
    for path in sorted(place.glob("*.js"))
}
MARKUP = {below: (place / "index.html").read_text(encoding="utf-8") for below, place in PLACES.items()}
# What is loaded by an address: a page's first module, what runs in the audio thread, and before all of them what
# sees to it that the page comes whole.
FIRST, WORKLETS, ARRIVAL = "main.js", ("mixer.js", "meter.js"), "arrival.js"
LONGEST = 400

# Who listens to what is told, and of nothing else.
TELL = """
async ({ session }) => {
  const { State } = await import(new URL("state.js", document.querySelector("script[type=module]").src));
  const { loadSession } = await import(new URL("api.js", document.querySelector("script[type=module]").src));
  const state = new State(await loadSession(session));
  const told = [];
  const refused = (act) => { try { act(); return false; } catch { return true; } };
  state.on("boxes loop", () => told.push("boxes or loop"));
  state.on("tool", () => told.push("tool"));
  state.set({ tool: state.tool });
  state.set({ tool: "pan", loop: { ...state.loop, looping: false } });
  state.boxes.set({ strength: 0.5 });
  state.view.fit();
  return {
    told,
    listening: refused(() => state.on("boxes tolo", () => {})),
    setting: refused(() => state.set({ tolo: "pan" })),
  };
}
"""


WAITING = """
async (said) => {
  const { waiting } = await import(new URL("words.js", document.querySelector("script[type=module]").src));
  return said.map(waiting);
}
"""


def imported(name: str) -> set[str]:
    found = re.findall(r'from "(\.\.?/[\w-]+\.js)";', MODULES[name])
    return {posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in found}


def reached(name: str) -> set[str]:
    """The module, and all that it needs."""
    return {name}.union(*(reached(other) for other in imported(name)))


def test_no_module_needs_itself() -> None:
    list(TopologicalSorter({name: imported(name) for name in MODULES}).static_order())


def test_no_module_is_left_over_and_all_are_loaded_at_once() -> None:
    own = {name for name in MODULES if "/" not in name}
    assert reached(FIRST).union(*map(reached, WORKLETS)) == own - {ARRIVAL}
    assert not reached(FIRST) & set(WORKLETS)
    assert re.findall(r'rel="modulepreload" href="../assets/([^"]+)"', MARKUP[""]) == sorted(reached(FIRST) - {FIRST})
    assert reached(f"front/{FIRST}") >= set(MODULES) - own
    for markup in MARKUP.values():
        assert re.findall(r"<(?:script|link)[^>]*>", markup)[0] == f'<script src="../assets/{ARRIVAL}">'


def test_the_state_knows_nothing_of_who_shows_it() -> None:
    assert reached("state.js") == {"state.js", "boxes.js", "combs.js", "view.js"}
    assert not [name for name in reached("state.js") if re.search(r"\b(document|window)\b", MODULES[name])]


FILES = [path for place in PLACES.values() for path in place.iterdir() if path.suffix != ".svg"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_file_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert text.startswith({".js": "// ", ".css": "/* ", ".html": "<!doctype html>"}[path.suffix])


@pytest.mark.parametrize("below", PLACES)
def test_what_modules_ask_their_page_for_is_there(below: str) -> None:
    there = set(re.findall(r'\bid="([\w-]+)"', MARKUP[below]))
    for name in reached(below + FIRST):
        assert set(re.findall(r'byId\("([\w-]+)"\)', MODULES[name])) <= there, name


def test_the_state_tells_whoever_listens_and_refuses_names_it_does_not_hold(edit: Callable[..., Editor]) -> None:
    answer = edit("tones").page.evaluate(TELL, {"session": "tones"})
    assert answer["told"] == ["boxes or loop", "tool", "boxes or loop"]
    assert answer["listening"] and answer["setting"]


def test_what_waits_says_so_in_a_sentence(edit: Callable[..., Editor]) -> None:
    behind = {"behind": "take", "behind_verb": "separate"}
    said = [
        {"place": 1, **behind, "seconds": 41.2},
        {"place": 3, **behind, "seconds": -1},
        {"place": 1, "behind": "", "behind_verb": "", "seconds": -1},
        {"place": 1, **behind, "seconds": 400},
    ]
    assert edit("tones").page.evaluate(WAITING, said) == [
        "waiting behind another job (separate), about 42 s",
        "waiting, number 3 in line behind another job (separate)",
        "waiting",
        "waiting behind another job (separate), about 7 min",
    ]
