"""Ardour 7's list of registered scripts: what its Script Manager writes into the file `ui_scripts`.

Actions are one Lua text that fills a table `scripts`, by slot: `n` name, `s` the script's text, `f` its factory (a
chunk, compiled or not), `c` its icon, `a` its arguments. A hook is an element of its own, whose text fills a table `s`
likewise. Only what is ours is ever touched: the rest is carried over as the bytes it is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree

from ..errors import InstallFailed

LUA = "Lua 5.3"
# Slots that the Script Manager offers.
SLOTS = 32
# The position of LuaSignal.LuaTimerDS among Ardour 7's signals, as the Script Manager writes a set of them.
TIMER = "01" + 47 * "0"
HOOK_ID = "9377"
SIGNATURE = b'author = \\"dap-bridge\\"'

_STRING = rb'"(?:[^"\\]|\\.)*"'
_STATEMENT = re.compile(
    rb"\s*scripts(?:\[(\d+)\])?((?:\[(?:\d+|" + _STRING + rb")\])*) = (\{\}|" + _STRING + rb"|[\w.+-]+)", re.DOTALL
)


@dataclass(frozen=True)
class Script:
    """What is to be registered: the name a menu shows, the script's file, and whether it is a hook."""

    name: str
    path: str
    text: str
    hook: bool

    @property
    def factory(self) -> str:
        """The body of its function `factory`, as a chunk that returns what the factory returns."""
        found = re.search(r"^function factory\(\)\n(.*)^end$", self.text, re.DOTALL | re.MULTILINE)
        if found is None:
            raise InstallFailed(f"{self.path} has no factory.", "Install dap-bridge again.")
        return found[1]


def register(content: str | None, scripts: Iterable[Script]) -> str:
    """The file with these scripts in it, each once: in the slot it has already, or the first that is free.

    Raises InstallFailed where the file is not understood, or no slot is free.
    """
    root = _root(content)
    slots = _slots(root)
    scripts = list(scripts)
    ours = {_name(slots[slot]): slot for slot in slots if _is_ours(slots[slot])}
    taken = {slot for slot in slots if not _is_ours(slots[slot])}
    kept = {slot: text for slot, text in slots.items() if slot in taken}
    free = (slot for slot in range(1, SLOTS + 1) if slot not in taken and slot not in ours.values())
    for script in scripts:
        if not script.hook:
            slot = ours.get(_quoted(script.name)) or next(free, None)
            if slot is None:
                raise InstallFailed(
                    f"All {SLOTS} of Ardour's action scripts are in use.", "Free some in its Script Manager."
                )
            kept[slot] = _statements(f"scripts[{slot}]", script) + f'scripts[{slot}]["c"] = true '.encode()
    _set_slots(root, kept)
    _set_hooks(root, [script for script in scripts if script.hook])
    return _text(root)


def unregister(content: str) -> str:
    """The file without any script of ours. Raises InstallFailed."""
    root = _root(content)
    _set_slots(root, {slot: text for slot, text in _slots(root).items() if not _is_ours(text)})
    _set_hooks(root, [])
    return _text(root)


def same(one: str, other: str) -> bool:
    """Whether two files register the same, however they are written. Raises InstallFailed."""

    def content(text: str) -> tuple[dict[int, bytes], list[tuple[dict[str, str], str | None]]]:
        root = _root(text)
        return _slots(root), [(dict(hook.attrib), hook.text) for hook in root.findall("ActionHooks/*")]

    return content(one) == content(other)


def is_empty(content: str) -> bool:
    root = _root(content)
    return not _slots(root) and not root.findall("ActionHooks/*")


def _root(content: str | None) -> ElementTree.Element:
    if content is None:
        root = ElementTree.Element("UIScripts")
        ElementTree.SubElement(root, "ActionScript", lua=LUA).text = _packed(b"scripts = {} ")
        ElementTree.SubElement(root, "ActionHooks")
        return root
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise InstallFailed(
            f"Ardour's ui_scripts is damaged: {error}.", "Add the scripts in Ardour's Script Manager instead."
        ) from error
    for child in root.iter():
        child.text, child.tail = (child.text or "").strip() or None, None
    if root.tag != "UIScripts" or root.find("ActionScript") is None or root.find("ActionHooks") is None:
        raise InstallFailed(
            "Ardour's ui_scripts is not as Ardour 7 writes it.", "Add the scripts in Ardour's Script Manager instead."
        )
    return root


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _slots(root: ElementTree.Element) -> dict[int, bytes]:
    """The statements that fill each slot. Raises InstallFailed where there is anything else."""
    text = base64.b64decode(root.findtext("ActionScript") or "")
    found: dict[int, bytes] = {}
    at = 0
    while text[at:].strip():
        match = _STATEMENT.match(text, at)
        if match is None or (match[1] is None and match[3] != b"{}"):
            raise InstallFailed(
                "Ardour's ui_scripts holds something unknown.", "Add the scripts in Ardour's Script Manager instead."
            )
        if match[1] is not None:
            slot = int(match[1])
            found[slot] = found.get(slot, b"") + match[0].strip() + b" "
        at = match.end()
    return found


def _set_slots(root: ElementTree.Element, slots: dict[int, bytes]) -> None:
    node = root.find("ActionScript")
    assert node is not None
    node.text = _packed(b"scripts = {} " + b"".join(slots[slot] for slot in sorted(slots)))


def _set_hooks(root: ElementTree.Element, scripts: list[Script]) -> None:
    hooks = root.find("ActionHooks")
    assert hooks is not None
    for hook in list(hooks):
        if SIGNATURE in base64.b64decode(hook.text or ""):
            hooks.remove(hook)
    for script in scripts:
        about = {"lua": LUA, "id": HOOK_ID, "name": script.name, "signals": TIMER}
        ElementTree.SubElement(hooks, "LuaCallback", about).text = _packed(_statements("s", script))


def _statements(table: str, script: Script) -> bytes:
    fields = {"n": script.name, "s": script.text, "f": script.factory}
    parts = [f"{table} = {{}} ".encode()]
    parts += [f'{table}["{key}"] = '.encode() + _quoted(value) + b" " for key, value in fields.items()]
    parts.append(f'{table}["a"] = {{}} {table}["a"]["x-script-origin"] = '.encode() + _quoted(script.path) + b" ")
    return b"".join(parts)


def _is_ours(statements: bytes) -> bool:
    return SIGNATURE in statements


def _name(statements: bytes) -> bytes:
    found = re.search(rb'\["n"\] = (' + _STRING + rb")", statements, re.DOTALL)
    return found[1] if found else b""


def _quoted(text: str) -> bytes:
    """A Lua string, as Ardour writes one."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\\n", "\r": "\\13", "\0": "\\0"}
    return ('"' + "".join(escapes.get(character, character) for character in text) + '"').encode()


def _packed(text: bytes) -> str:
    return base64.b64encode(text).decode("ascii")
