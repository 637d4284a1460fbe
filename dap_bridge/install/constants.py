"""The generated files of the host scripts: what they know of the protocol, and the plug-ins put together from parts.

`python -m dap_bridge.install.constants` writes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import assets
from ..config import Settings, default_spool
from ..transport import events, protocol

GENERATED = "Generated from the protocol table by `make docs`; edit dap_bridge/transport/verbs.py instead."

# What a plug-in for Audacity does -> what it is called, and the parts that it shares with others, in their order
_REQUEST, _MASK, _WORK = ("folder", "common"), ("folder", "mask", "common"), ("folder", "run")
PLUGINS = {
    "separate": ("Separate selection", ("track", *_REQUEST)),
    "denoise": ("Denoise selection", ("track", *_REQUEST)),
    "texture": ("Extend texture", ("track", *_REQUEST)),
    "coseparate": ("Co-separate selected tracks", ("tracks", *_REQUEST)),
    "deactivate": ("Deactivate mask in selection", _MASK),
    "activate": ("Activate mask in selection", _MASK),
    "undo": ("Undo last mask edit", _MASK),
    "edit": ("Open mask editor", _MASK),
    "read": ("Read stems", _WORK),
    "replace": ("Replace stems", _WORK),
}


def constants() -> dict[str, Any]:
    """Version, places, and the fields of every verb with their limits."""
    return {
        "version": events.VERSION,
        "prefix": protocol.OSC_PREFIX,
        "max_datagram": protocol.MAX_DATAGRAM,
        "osc_port": Settings.model_fields["osc_port"].default,
        "spool": default_spool().relative_to(Path.home()).as_posix(),
        "fields": {name: _fields(schema) for name, schema in protocol.json_schema().items()},
    }


def _fields(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: _field(field) for name, field in schema.get("properties", {}).items()}


def _field(field: dict[str, Any]) -> dict[str, Any]:
    kind = next(kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null")
    words = {"low": "minimum", "high": "maximum", "longest": "maxLength", "one_of": "enum"}
    found = {"type": kind["type"], **{ours: kind[theirs] for ours, theirs in words.items() if theirs in kind}}
    if field.get("default") not in (None, (), []):
        found["default"] = field["default"]
    return found


def lua() -> str:
    return f"-- {GENERATED}\nreturn {_lua_value(constants())}\n"


def python() -> str:
    """A module of one constant a name: what a host's own Python can import without any package."""
    lines = [f"{name.upper()} = {_python_value(value)}\n" for name, value in constants().items()]
    return f'"""{GENERATED}"""\n\n' + "".join(lines)


def _python_value(value: Any, indent: str = "") -> str:
    if not isinstance(value, dict):
        return str(value) if isinstance(value, bool) else json.dumps(value)
    inner = indent + "    "
    members = "".join(f"{inner}{json.dumps(name)}: {_python_value(entry, inner)},\n" for name, entry in value.items())
    return f"{{\n{members}{indent}}}" if members else "{}"


def _lua_value(value: Any, indent: str = "") -> str:
    inner = indent + "  "
    if isinstance(value, dict):
        members = "".join(f"{inner}{name} = {_lua_value(entry, inner)},\n" for name, entry in value.items())
        return f"{{\n{members}{indent}}}" if members else "{}"
    if isinstance(value, list | tuple):
        return "{ " + ", ".join(_lua_value(entry) for entry in value) + " }" if value else "{}"
    return json.dumps(value, ensure_ascii=False)


def files() -> dict[Path, str]:
    """Every generated file, and what it must hold."""
    scripts = assets.folder("daw_scripts")
    return {
        scripts / "common" / "constants.lua": lua(),
        scripts / "reaper" / "python" / "dap_constants.py": python(),
        **{scripts / "audacity" / f"DAP_{title}.ny": plugin(own, shared) for own, (title, shared) in PLUGINS.items()},
    }


def plugin(own: str, shared: tuple[str, ...]) -> str:
    """An Audacity plug-in: one file has to hold all of it, so what several share is put behind what is its own."""
    parts = assets.folder("daw_scripts") / "audacity" / "parts"
    names = [f"{name}.lsp" for name in (own, *shared)]
    first, *others = ((parts / name).read_text(encoding="utf-8") for name in names)
    head, newline, rest = first.partition("\n\n")
    made_of = ", ".join(f"parts/{name}" for name in names)
    return f"{head}{newline}; Made of {made_of} by `make docs`: edit those instead.\n\n{rest}{''.join(others)}"


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8", newline="\n")
