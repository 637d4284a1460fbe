"""The one protocol table, on the wire.

The verbs that make jobs, with their fields, types and limits, stand in dap_bridge/verbs, those asked of the daemon
itself in control.py, the events in events.py. OSC addresses, the drop folder's JSON, the command line's checks and
docs/protocol.md all come from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, get_origin

from pydantic import ValidationError

from ..errors import BadRequest
from ..messages import JOB_ID, Message, breach
from ..messages import shorten as shorten
from ..verbs import table
from ..verbs.request import Verb
from .control import Cancel, Hello, Import, ListResults, ListSessions, Remove, Rename, RenameStem, Resume, Status
from .events import EVENTS, Event

_VERBS: tuple[type[Verb], ...] = (
    *(Hello, Status),
    *map(table.request, table.VERBS),
    *(ListSessions, Cancel, Resume, Import, ListResults, Rename, RenameStem, Remove),
)
VERBS = {verb.name: verb for verb in _VERBS}
OSC_PREFIX = "/dap/"
# python-osc receives at most this many bytes in one datagram; what does not fit goes through the drop folder.
MAX_DATAGRAM = 8192
# Jobs that one `status` lists, sessions that one `sessions` does, results that one `results` does.
MAX_LISTED = 200


def parse(verb: str, fields: Mapping[str, Any]) -> Verb:
    """Check a message against the table. Raises BadRequest with the field, what is wrong, and what is allowed."""
    model = VERBS.get(verb)
    if model is None:
        raise BadRequest(f"There is no verb {shorten(verb)!r}.", f"Verbs: {', '.join(VERBS)}.")
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        where, kind, words = breach(error)
        raise BadRequest(f"{verb}: {words}.", _hint(model, where, kind)) from error


def _hint(model: type[Verb], where: str, kind: str) -> str | None:
    if kind == "string_unicode":
        return "Rename the file or its folder: names go to and fro as UTF-8."
    if kind == "extra_forbidden" and (near := get_close_matches(where, model.model_fields, 1)):
        return f"Is {near[0]} meant?"
    return None


def parse_object(value: Any) -> Verb:
    """A drop file's content: one JSON object with `verb` and its fields."""
    if not isinstance(value, dict):
        raise BadRequest("The file must hold one JSON object.")
    fields = dict(value)
    verb = fields.pop("verb", None)
    if not isinstance(verb, str):
        raise BadRequest("The object has no `verb`.", f"Verbs: {', '.join(VERBS)}.")
    return parse(verb, fields)


def osc_fields(address: str, arguments: Iterable[Any]) -> tuple[str, dict[str, Any]]:
    """Name and fields of an OSC message: address /dap/NAME, arguments as key, value, key, value …

    A key that may be given several times makes a list. Raises BadRequest.
    """
    if not address.startswith(OSC_PREFIX):
        raise BadRequest(f"Addresses start with {OSC_PREFIX}, not {shorten(address)!r}.")
    name = address.removeprefix(OSC_PREFIX)
    items = list(arguments)
    if len(items) % 2:
        raise BadRequest("Arguments come in pairs: key, value.")
    model = VERBS.get(name) or EVENTS.get(name)
    repeated = frozenset() if model is None else _repeated_fields(model)
    fields: dict[str, Any] = {}
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str):
            raise BadRequest("Every key is a string.")
        if key in repeated:
            fields.setdefault(key, []).append(value)
        elif key in fields:
            raise BadRequest(f"{shorten(name)}: {shorten(key)} is given twice.")
        else:
            fields[key] = value
    return name, fields


def parse_event(address: str, arguments: Iterable[Any]) -> Event:
    """What a daemon said, as an OSC message. Raises BadRequest where it is no event of this protocol."""
    name, fields = osc_fields(address, arguments)
    model = EVENTS.get(name)
    if model is None:
        raise BadRequest(f"There is no event {shorten(name)!r}.")
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise BadRequest(f"The event {name} is not of this version of the protocol.") from error


def job_named(fields: Mapping[str, Any]) -> str:
    """The job that a refused message meant, for its answer; empty where it named none that could be."""
    job = fields.get("job")
    return job if isinstance(job, str) and re.fullmatch(JOB_ID, job) else ""


def port_named(fields: Mapping[str, Any]) -> int | None:
    """Where the sender of a refused message wanted its answer."""
    port = fields.get("reply_port")
    return int(port) if isinstance(port, int | float) and 1 <= port <= 65535 else None


def osc_arguments(message: Message) -> tuple[str, list[Any]]:
    """The OSC form of a message: address and alternating keys and values; what is None is left out."""
    arguments: list[Any] = []
    for key, value in message.model_dump(mode="json").items():
        for single in value if isinstance(value, list) else [value]:
            if single is not None:
                arguments += [key, single]
    return OSC_PREFIX + message.name, arguments


def as_lines(message: Message) -> str:
    """The drop folder's form of an event: `key<TAB>value` lines, so that hosts need no JSON parser.

    Backslash, tab, newline and carriage return inside a value are written as `\\\\`, `\\t`, `\\n`, `\\r`.
    """
    return lines({"event": message.name, **message.model_dump(mode="json")})


def lines(pairs: Mapping[str, Any]) -> str:
    """`key<TAB>value` lines of whatever is not None; of a list one for each."""
    singles = ((key, one) for key, value in pairs.items() for one in (value if isinstance(value, list) else [value]))
    return "".join(f"{key}\t{_escape(str(value))}\n" for key, value in singles if value is not None)


def parse_lines(text: str) -> dict[str, str]:
    """The pairs of `key<TAB>value` lines, of several with one key the last; a line that is none is left out."""
    pairs = (line.partition("\t") for line in text.split("\n"))
    return {key: _unescape(value) for key, tab, value in pairs if tab}


@cache
def _repeated_fields(model: type[Message]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if get_origin(field.annotation) is tuple)


def _unescape(value: str) -> str:
    plain = {"t": "\t", "n": "\n", "r": "\r"}
    return re.sub(r"\\(.)", lambda match: plain.get(match[1], match[1]), value)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
