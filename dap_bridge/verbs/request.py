"""What the requests of all verbs have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ..domain import Lane
from ..messages import Message, NewJobId, PathText


def _whole_number_as_text(value: Any) -> Any:
    """24 is meant by whoever sends the number 24."""
    return str(value) if isinstance(value, int) else value


FormatName = Annotated[Literal["float32", "24", "16", "flac"], BeforeValidator(_whole_number_as_text)]
AlternativesCount = Annotated[Literal["auto", "1", "2", "3", "4"], BeforeValidator(_whole_number_as_text)]
PresetName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="A preset's name, see `dap-bridge presets`.")
]


class Verb(Message):
    """What a client may ask."""

    reply_port: Annotated[
        int | None,
        Field(ge=1, le=65535, description="UDP port that answers go to; left out: the port the message came from."),
    ] = None


class JobVerb(Verb):
    """A verb that makes a job.

    Answered with `accepted` once the job is on disk, and then with all that happens to it. A repeated message is
    answered, not run twice.
    """

    # the line that jobs of the verb stand in
    lane: ClassVar[Lane] = Lane.BATCH
    job: NewJobId = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, description="Seed of every random number of the job.")] = 0
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="Where to compute.")] = "auto"
    label: Annotated[
        str | None, Field(max_length=200, description="What stems are named after; left out: the file's name.")
    ] = None
    out: Annotated[
        PathText | None,
        Field(description="Folder for manifest and stems, absolute path; left out: a folder of the daemon's."),
    ] = None

    format: Annotated[
        FormatName | None,
        Field(
            description="What results are written as: WAV of 32-bit floats, of 24-bit or of 16-bit integers, or FLAC "
            "of 24 bits; left out: as the session that is corrected, else as the setting `format` says."
        ),
    ] = None
    file_names: Annotated[
        Literal["numbers", "names"],
        Field(
            description="What the files of results are called: `numbers`: `stem-1.wav`; `names`: as the stems are, "
            "`CLIP - stem 1.wav`."
        ),
    ] = "numbers"

    def request(self) -> dict[str, Any]:
        """What the job is, apart from who asked and by what name: plain JSON values."""
        return self.model_dump(mode="json", exclude={"job", "reply_port"})
