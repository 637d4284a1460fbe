"""What every message of the protocol is made of: the base, and the types that requests and events share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .domain import JOB_NAME

# As pydantic wants it, whose expressions find their match anywhere in a text.
JOB_ID = f"^{JOB_NAME}$"

JobId = Annotated[str, Field(pattern=JOB_ID, description="Name of the job: letters, digits, `-` and `_`.")]
NewJobId = Annotated[
    JobId | None,
    Field(description="Name of the job, chosen by the sender: letters, digits, `-` and `_`; left out: a new one."),
]


def absolute(text: str) -> str:
    """The text, where it can name a file wherever whoever reads it runs. Raises ValueError."""
    if not Path(text).is_absolute():
        raise ValueError("the path must be absolute")
    if "\0" in text:
        raise ValueError("a path holds no zero character")
    return text


PathText = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(absolute)]


class Message(BaseModel):
    """Common to everything on the wire: unknown fields are refused, so that a misspelt option is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: ClassVar[str]


# What a value must be, in a person's words, by what pydantic calls a breach of it; it follows upon the field's name.
_BREACHES = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "unexpected_keyword_argument": "is not known",
    "greater_than_equal": "must be {ge} or more, not {given}",
    "greater_than": "must be more than {gt}, not {given}",
    "less_than_equal": "must be {le} or less, not {given}",
    "less_than": "must be less than {lt}, not {given}",
    "too_short": "must be given {min_length} times at least, not {actual_length}",
    "too_long": "may be given {max_length} times at the most, not {actual_length}",
    "string_too_short": "is empty",
    "string_too_long": "may have {max_length} characters at the most",
    "literal_error": "must be {expected}, not {given}",
    "tuple_type": "must be a list, not {given}",
    "string_type": "must be text, not {given}",
    "string_unicode": "holds bytes that are no UTF-8 text",
    "string_pattern_mismatch": "cannot be {given}",
    "finite_number": "must be a finite number",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number, not {given}"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number, not {given}"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false, not {given}"),
}


def breach(error: ValidationError, *, counted: bool = False) -> tuple[str, str, str]:
    """The first thing that is wrong with what was given: the field, pydantic's name for it, and a sentence's words.

    counted: whether the field is named with the numbers, from 0, of the lists' items on the way to it.
    """
    first = error.errors(include_url=False)[0]
    where = shorten(".".join(str(part) for part in first["loc"] if counted or not isinstance(part, int)))
    if first["type"] == "value_error":  # said by us
        reason = str(first["ctx"]["error"])
        return where, "value_error", reason if where in reason else f"{where}: {reason}"
    words = _BREACHES.get(first["type"], first["msg"].replace("Input should", "must"))
    limits = {name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in first.get("ctx", {}).items()}
    given = limits | {"given": shorten(repr(first["input"]))}
    return where, first["type"], f"{where or 'it'} {words.format_map(given)}"


def shorten(text: str, limit: int = 60) -> str:
    """A stranger's text, made fit for an error message."""
    clean = re.sub(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\U0010ffff]", "?", text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
