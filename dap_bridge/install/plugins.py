"""Audacity's plug-ins: one file has to hold all of one, so each is put together from what several share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .. import assets
from . import dialogs

# Above so many values a slider is of no use.
WIDE = 1000

Fields = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Plugin:
    """What it is called, the parts that it shares, in their order, and the verb whose fields it asks for."""

    title: str
    shared: tuple[str, ...]
    verb: str = ""


_REQUEST, _MASK, _WORK = ("folder", "common"), ("folder", "mask", "common"), ("folder", "run")
_WAITING = ("folder", "waiting", "run")
# By the part that is its own.
PLUGINS = {
    "separate": Plugin("Separate selection", ("known", "track", *_REQUEST), "separate"),
    "denoise": Plugin("Denoise selection", ("known", "track", *_REQUEST), "denoise"),
    "alone": Plugin("Sound alone in selection", ("note", *_REQUEST)),
    "noise": Plugin("Learn noise from selection", ("note", *_REQUEST)),
    "texture": Plugin("Extend texture", ("track", *_REQUEST), "texture"),
    "coseparate": Plugin("Co-separate selected tracks", ("tracks", *_REQUEST), "coseparate"),
    "deactivate": Plugin("Deactivate mask in selection", _MASK, "refine"),
    "activate": Plugin("Activate mask in selection", _MASK, "refine"),
    "undo": Plugin("Undo last mask edit", _MASK),
    "redraw": Plugin("Redraw chosen alternative", _MASK),
    "edit": Plugin("Open mask editor", _MASK),
    "read": Plugin("Read stems", _WORK),
    "replace": Plugin("Replace stems", _WORK),
    "next": Plugin("Next stem", _WAITING),
    "waits": Plugin("Stems that wait", _WAITING),
}


def files(fields_of: Callable[[str], Fields]) -> dict[str, str]:
    """Every plug-in by its file's name; fields_of(verb) tells the protocol's fields."""
    return {f"DAP_{plugin.title}.ny": _text(own, plugin, fields_of) for own, plugin in PLUGINS.items()}


def _text(own: str, plugin: Plugin, fields_of: Callable[[str], Fields]) -> str:
    parts = assets.folder("daw_scripts") / "audacity" / "parts"
    names = [f"{name}.lsp" for name in (own, *plugin.shared)]
    first, *others = ((parts / name).read_text(encoding="utf-8") for name in names)
    head, _, rest = first.partition("\n\n")
    made_of = ", ".join(f"parts/{name}" for name in names)
    controls = _controls(plugin.verb, fields_of(plugin.verb)) if plugin.verb else ()
    lines = [head, *controls, "", f"; Made of {made_of} by `make docs`: edit those instead.", "", rest]
    return "\n".join(lines) + "".join(others)


def _controls(verb: str, fields: Fields) -> Iterator[str]:
    """The lines of a plug-in's head that make its dialog."""
    for name in dialogs.ASKS["audacity"][verb]:
        asked = dialogs.asked(verb, name, fields) | dialogs.CHOICES.get(name, {})
        yield f';control {name} "{asked["caption"]}" {_widget(asked)}'


def _widget(asked: dict[str, Any]) -> str:
    """Kind, unit or words, default and limits, as Nyquist reads them."""
    if "words" in asked:
        return f'choice "{",".join(asked["words"])}" 0'
    if asked["type"] == "string":
        return f'string "" "{asked["default"]}"'
    low, high = asked["low"], asked["high"]
    kind = "float" if asked["type"] == "number" else "int" if high - low < WIDE else "int-text"
    return f'{kind} "{asked.get("unit", "")}" {asked["default"]:g} {low} {high}'
