"""The walls of the house: which room may import which, read from the source itself."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dap_bridge
from tests.processes import CHECKOUT

PACKAGE = Path(dap_bridge.__file__).parent
STANDARD = sys.stdlib_module_names
CODE = (".py", ".lua", ".js", ".lsp")
MOST_LINES = 400


def imported(path: Path, types: bool = True) -> Iterator[tuple[str, str]]:
    """What a file imports, anywhere in it: the module, and what is taken from it, by absolute names.

    types: also what is there for type checkers alone.
    """
    package = ["dap_bridge", *path.relative_to(PACKAGE).parts[:-1]]
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), types):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((module, f"{module}.{alias.name}") for alias in node.names)


def nodes(tree: ast.AST, types: bool) -> Iterator[ast.AST]:
    """All below `tree`."""
    for node in ast.iter_child_nodes(tree):
        if types or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield node
            yield from nodes(node, types)


def imports(path: Path) -> set[str]:
    return {name for pair in imported(path) for name in pair}


def files(room: str) -> list[Path]:
    place = PACKAGE / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def foreign(path: Path, *allowed: str) -> set[str]:
    """What a file imports beyond the standard library and the modules that start with one of `allowed`."""
    return {
        name
        for name in imports(path)
        if name.split(".")[0] not in STANDARD and not any(name == a or name.startswith(f"{a}.") for a in allowed)
    }


@pytest.mark.parametrize("path", files("engine"), ids=lambda p: p.name)
def test_the_engine_imports_torch_and_itself_alone(path: Path) -> None:
    assert foreign(path, "torch", "dap_bridge.engine") == set()


METHODS = [
    place.name for place in sorted((PACKAGE / "engine" / "methods").iterdir()) if (place / "recipe.py").is_file()
]


@pytest.mark.parametrize("room", ["signal", "nets"])
def test_what_methods_are_made_of_knows_none_of_them(room: str) -> None:
    for path in files(f"engine/{room}"):
        assert not {name for name in imports(path) if name.startswith("dap_bridge.engine.methods")}, path


@pytest.mark.parametrize("method", METHODS)
def test_a_method_knows_no_other_but_the_separation_that_some_are_built_on(method: str) -> None:
    known = {method, "method"} | ({"consensus"} if method in ("denoising", "adoption") else set())
    for path in files(f"engine/methods/{method}"):
        found = {name.split(".")[3] for name in imports(path) if name.startswith("dap_bridge.engine.methods.")}
        assert found <= known, path


@pytest.mark.parametrize("path", [PACKAGE / "engine/recipe.py", *(PACKAGE / "engine/methods").rglob("recipe.py")])
def test_numbers_are_checked_without_what_computes_by_them(path: Path) -> None:
    recipes = (f"dap_bridge.engine.methods.{method}.recipe" for method in METHODS)
    assert foreign(path, "dap_bridge.engine.recipe", *recipes) == set()


@pytest.mark.parametrize("path", files("verbs"), ids=lambda p: p.parent.name + "/" + p.name)
def test_verbs_ask_a_method_and_not_what_its_recipe_is(path: Path) -> None:
    assert not re.search(r"isinstance\(.*Recipe", path.read_text(encoding="utf-8"))


LIGHT = [path for kind in ("request", "command") for path in [*(PACKAGE / "verbs").glob(f"*/{kind}.py")]]


@pytest.mark.parametrize("path", LIGHT, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_what_may_be_asked_and_typed_needs_nothing_that_computes(path: Path) -> None:
    shared = ("dap_bridge.verbs", "dap_bridge.messages", "dap_bridge.domain")
    assert foreign(path, "pydantic", "click", *shared) == set()
    assert not {name for name in imports(path) if re.match(r"dap_bridge\.verbs(\.\w+)?\.job\b", name)}


@pytest.mark.parametrize("path", [*files("jobs"), *files("transport")], ids=lambda p: p.name)
def test_verbs_are_known_by_their_requests_and_by_the_table(path: Path) -> None:
    known = ("dap_bridge.verbs", "dap_bridge.verbs.table", "dap_bridge.verbs.request")
    verbs = {name for name in imports(path) if name.startswith("dap_bridge.verbs") and not name.startswith(known[2])}
    assert verbs <= set(known[:2])


@pytest.mark.parametrize("path", files("transport"), ids=lambda p: p.name)
def test_no_door_reaches_into_the_engine(path: Path) -> None:
    assert not {name for name in imports(path) if name.startswith(("torch", "dap_bridge.engine", "dap_bridge.audio"))}


@pytest.mark.parametrize("name", ["domain.py", "boxes.py", "errors.py"])
def test_the_shared_words_need_the_standard_library_alone(name: str) -> None:
    assert foreign(PACKAGE / name, "dap_bridge.boxes") == set()


def test_the_verbs_alone_join_audio_and_engine() -> None:
    def rooms(path: Path) -> set[str]:
        return {room for room in ("audio", "engine") if any(n.startswith(f"dap_bridge.{room}.") for n in imports(path))}

    joined = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if len(rooms(path)) == 2}
    assert joined
    assert all(path.startswith("verbs/") for path in joined)


@pytest.mark.parametrize("path", sorted((PACKAGE / "jobs").glob("*.py")), ids=lambda p: p.name)
def test_the_queue_knows_of_workers_their_contract_alone(path: Path) -> None:
    room, contract = "dap_bridge.jobs.workers", "dap_bridge.jobs.workers.worker"
    assert not {name for name in imports(path) if name.startswith(f"{room}.") and not name.startswith(contract)}


def test_audio_knows_no_engine_and_no_jobs() -> None:
    for path in files("audio"):
        assert not {n for n in imports(path) if n.startswith(("torch", "dap_bridge.engine", "dap_bridge.jobs"))}, path


def test_nothing_needs_the_benchmarks_but_their_command() -> None:
    own = set(files("bench"))
    users = {p for p in files(".") if p not in own and any(n.startswith("dap_bridge.bench") for n in imports(p))}
    assert users == {PACKAGE / "cli" / "bench.py"}


def test_the_daemon_starts_without_the_heavy_libraries() -> None:
    heavy = "{'torch', 'librosa', 'numpy', 'scipy', 'pedalboard', 'matplotlib'}"
    code = f"import sys, dap_bridge.daemon, dap_bridge.cli; print(*sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_nothing_imports_what_imports_it() -> None:
    """Not from inside a function either, where Python would let it pass."""
    paths = {module(path): path for path in files(".")}
    needs = {
        name: {taken if taken in paths else source for source, taken in imported(path, types=False)} & paths.keys()
        for name, path in paths.items()
    }
    graphlib.TopologicalSorter(needs).prepare()  # whose error names the circle


def test_no_file_of_code_is_longer_than_one_can_oversee() -> None:
    rooms = (CHECKOUT / name for name in ("dap_bridge", "daw_scripts", "tests"))
    lines = {
        path: len(path.read_bytes().splitlines()) for room in rooms for path in room.rglob("*") if path.suffix in CODE
    }
    assert {path.name for path in lines} >= {Path(__file__).name, "DAP_Bridge status.lua", "main.js"}, (
        "they are looked at"
    )
    assert {str(path): count for path, count in lines.items() if count > MOST_LINES} == {}


def module(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
