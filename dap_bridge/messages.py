"""What every message of the protocol is made of: the base, and the types that requests and events share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

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
