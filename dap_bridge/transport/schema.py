"""A message's fields as data: for whoever writes them down in words, in Lua or in Lisp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..messages import Message


@dataclass(frozen=True)
class Field:
    """One field. kind: the JSON schema of its value, without the null that stands for "left out"; default: None where
    nothing is said then, or all that is said is that there is none; required: whether it must be given.
    """

    name: str
    kind: dict[str, Any]
    default: Any
    required: bool
    description: str


def fields(model: type[Message]) -> list[Field]:
    """Those of a request or an event, in the order of their declaration."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [_field(name, found, name in required) for name, found in schema.get("properties", {}).items()]


def _field(name: str, found: dict[str, Any], required: bool) -> Field:
    kind: dict[str, Any] = next(one for one in found.get("anyOf", [found]) if one.get("type") != "null")
    default = found.get("default")
    description = found.get("description") or kind.get("description", "")
    return Field(name, kind, None if default in ("", [], ()) else default, required, description)
