"""What may be asked of `refine`, and what every correction of a result says."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from ...domain import MAX_BOX_TEXT, MAX_BOXES, MAX_RUNS, MAX_SIDE, Box, Lane
from ...messages import JOB_ID, PathText, absolute
from ..clips import Only, Silent
from ..request import JobVerb

AGAIN = "Separate again with this seed, and then correct; left out: the session's."


def _session(text: str) -> str:
    return text if re.fullmatch(JOB_ID, text) else absolute(text)


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
    tuple[Annotated[str, Field(max_length=MAX_BOX_TEXT)], ...], Field(max_length=MAX_BOXES), AfterValidator(_boxes)
]


class Correction(JobVerb):
    """A job on a result that is there already. What it makes is a session of its own, and the other one stays."""

    lane: ClassVar[Lane] = Lane.INTERACTIVE
    session: SessionName
    clip: Annotated[
        PathText | None,
        Field(
            description="Where the clip lies now, absolute path: the file, or a folder that holds its files; left out: "
            "where it was, or as it lay to a manifest that was moved with it."
        ),
    ] = None
    # here "not given" means something
    seed: Annotated[int | None, Field(ge=0, le=2**31 - 1, description=AGAIN)] = None  # type: ignore[assignment]


class Refine(Correction):
    """Correct a result where its masks are wrong, by boxes of time and frequency.

    A box of full strength holds exactly; it is also evidence of what belongs together, so that the correction goes
    beyond it, through the clip; of a denoising, nothing does. The stems still sum to the clip. The result is a session
    of its own, and the other one stays.
    """

    name = "refine"
    box: Annotated[
        BoxTexts,
        Field(
            description="`stem=1,op=deactivate,start=1.2,end=2.0,low=200,high=4000,strength=1,feather=0.02,"
            "feather_octaves=0.04,mask=log:3x2:1.4.1`. stem: from 1; op: `deactivate` or `activate`; start, end: "
            "seconds from the clip's beginning; low, high: Hz; strength: 0 to 1, left out: 1; feather, "
            "feather_octaves: how far it fades out beyond its edge, in seconds and in octaves, left out: the preset's; "
            "mask: which cells of the box are meant, left out: all; `AXIS:COLUMNSxROWS:RUNS`, AXIS `linear` or `log`, "
            f"{MAX_SIDE} columns and rows at most, {MAX_RUNS} runs at most: see Regions.",
        ),
    ] = ()
    only: Only = ()
    silent: Silent = ()
    keep: Annotated[
        bool, Field(description="Add the boxes to those of the session; else they are all there are from now on.")
    ] = True
    fit: Annotated[bool, Field(description="Optimise the networks again; else answer at once, without them.")] = True
    carry: Annotated[
        bool,
        Field(
            description="With `fit`, of a clip of several chunks: carry what the boxes taught to those without any; "
            "else these stay as they are."
        ),
    ] = True
