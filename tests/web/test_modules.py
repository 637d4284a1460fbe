"""How the page is cut: read from its files, and its state tried by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from dap_bridge.web import PAGE
from tests.web.editor import Editor

MODULES = {path.name: path.read_text(encoding="utf-8") for path in sorted(PAGE.glob("*.js"))}
MARKUP = (PAGE / "index.html").read_text(encoding="utf-8")
# What the others load by an address: the page its first module, the player what runs in the audio thread.
FIRST, WORKLETS = "main.js", ("mixer.js", "meter.js")
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


def imported(name: str) -> set[str]:
    return set(re.findall(r'from "\./([\w-]+\.js)";', MODULES[name]))


def reached(name: str) -> set[str]:
    """The module, and all that it needs."""
    return {name}.union(*(reached(other) for other in imported(name)))


def test_no_module_needs_itself() -> None:
    list(TopologicalSorter({name: imported(name) for name in MODULES}).static_order())


def test_no_module_is_left_over_and_all_are_loaded_at_once() -> None:
    assert reached(FIRST).union(*map(reached, WORKLETS)) == set(MODULES)
    assert not reached(FIRST) & set(WORKLETS)
    assert re.findall(r'rel="modulepreload" href="../assets/([^"]+)"', MARKUP) == sorted(reached(FIRST) - {FIRST})


def test_the_state_knows_nothing_of_who_shows_it() -> None:
    assert reached("state.js") == {"state.js", "boxes.js", "view.js"}
    assert not [name for name in reached("state.js") if re.search(r"\b(document|window)\b", MODULES[name])]


@pytest.mark.parametrize("path", [path for path in PAGE.iterdir() if path.suffix != ".svg"], ids=lambda path: path.name)
def test_every_file_is_short_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert text.startswith({".js": "// ", ".css": "/* ", ".html": "<!doctype html>"}[path.suffix])


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_asks_the_page_for_is_there(name: str) -> None:
    asked = set(re.findall(r'byId\("([\w-]+)"\)', MODULES[name]))
    assert asked <= set(re.findall(r'\bid="([\w-]+)"', MARKUP))


def test_the_state_tells_whoever_listens_and_refuses_names_it_does_not_hold(edit: Callable[..., Editor]) -> None:
    answer = edit("tones").page.evaluate(TELL, {"session": "tones"})
    assert answer["told"] == ["boxes or loop", "tool", "boxes or loop"]
    assert answer["listening"] and answer["setting"]
