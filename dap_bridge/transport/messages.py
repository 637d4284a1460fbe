"""What every message of the protocol is made of: the base, and the types that fields share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ..domain import MAX_BOXES, Box

JOB_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"

JobId = Annotated[str, Field(pattern=JOB_ID, description="Name of the job: letters, digits, `-` and `_`.")]
NewJobId = Annotated[
    JobId | None,
    Field(description="Name of the job, chosen by the sender: letters, digits, `-` and `_`; left out: a new one."),
]


def _absolute(text: str) -> str:
    if not Path(text).is_absolute():
        raise ValueError("the path must be absolute")
    if "\0" in text:
        raise ValueError("a path holds no zero character")
    return text


def _channel(text: str) -> str:
    _absolute(text.partition(":")[2])
    return text


def _item(text: str) -> str:
    path = text.split(":", 3)[3]
    if path:
        _absolute(path)
    return text


def _item_channel(text: str) -> str:
    _absolute(text.split(":", 2)[2])
    return text


def _session(text: str) -> str:
    return text if re.fullmatch(JOB_ID, text) else _absolute(text)


def _whole_number_as_text(value: Any) -> Any:
    """24 is meant by whoever sends the number 24."""
    return str(value) if isinstance(value, int) else value


def _boxes(texts: tuple[str, ...]) -> tuple[str, ...]:
    for number, text in enumerate(texts, 1):
        try:
            Box.parse(text)
        except ValueError as error:
            raise ValueError(f"box {number}: {error}") from error
    return texts


SessionName = Annotated[
    str,
    Field(
        min_length=1, max_length=4096, description="A session's name, or the absolute path of a manifest or its folder."
    ),
    AfterValidator(_session),
]
BoxTexts = Annotated[
    tuple[Annotated[str, Field(max_length=300)], ...], Field(max_length=MAX_BOXES), AfterValidator(_boxes)
]
FormatName = Annotated[Literal["float32", "24", "16", "flac"], BeforeValidator(_whole_number_as_text)]
PathText = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(_absolute)]
ChannelText = Annotated[str, Field(pattern=r"^[0-9]{1,4}:.+$", max_length=4101), AfterValidator(_channel)]
ItemText = Annotated[
    str, Field(pattern=r"^[0-9]{1,16}:[0-9]{0,16}:[0-9]{0,8}:", max_length=4140), AfterValidator(_item)
]
ItemChannelText = Annotated[
    str, Field(pattern=r"^[1-9][0-9]{0,3}:[0-9]{1,4}:.+$", max_length=4106), AfterValidator(_item_channel)
]
Frames = Annotated[int, Field(ge=0, le=2**53)]
PresetName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="A preset's name, see `dap-bridge presets`.")
]


class Message(BaseModel):
    """Common to everything on the wire: unknown fields are refused, so that a misspelt option is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: ClassVar[str]
