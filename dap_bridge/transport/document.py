"""Writes docs/protocol.md from the protocol table: `python -m dap_bridge.transport.document docs/protocol.md`."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from pathlib import Path
from typing import Any

from ..config import LOOPBACK, Settings, default_spool
from ..domain import MAX_RUNS, MAX_SIDE, Alternative, Guided, Manifest, State, Stem
from ..errors import DapError
from ..messages import Message
from ..verbs.request import Verb
from ..web.similar import MOST_EVENTS
from . import osc, protocol, schema
from .dropfolder import MAX_BYTES
from .events import EVENTS
from .http.answers import MAX_BODY

INTRODUCTION = """\
# Protocol

This page is generated from the protocol table (`make docs`): edit `request.py` in the folders of
`dap_bridge/verbs`, and `control.py` and `events.py` in `dap_bridge/transport`, instead.

A host talks to the daemon through one of two doors; the mask editor's page has a third. All speak the same table of
verbs and events: a request names a clip and never carries samples, the answer names a folder with stems and a
`manifest.json`.

A job's name makes a request safe to repeat: the same request under the same name is answered with how the job stands,
and is not run twice; another request under that name is refused with `job_conflict`. The job is on disk before it is
`accepted`, so that neither a lost packet nor a killed daemon loses it. A job that was running when the daemon ended is
`interrupted`; `resume` runs it again. Nothing of a job's output appears before all of it is complete, and nothing
remains of a job that did not end as `done`; once all of it has appeared, the job is `done`, whatever happens then.

What names no `out` goes to a folder of the daemon's, and stays there for as long as the job is remembered: until it is
beyond the latest {history} that ended (setting `history`), or for {days:g} days (`results_days`). Then the daemon
removes manifest and stems, and the job's name is unknown: asked again, it runs anew. The session can still be
corrected. Name a folder for what a project is to refer to.

While the table of jobs cannot be written (a full disk, another program that locks it), what would change it is refused
with `store_unavailable`; send it again a moment later. A file in the inbox waits instead.

A worker that gives no sign of life for {stall:g} s (setting `stall_s`) is ended, and its job fails with `worker_stuck`;
from half that time on the `stage` of its progress is `not responding`.

States of a job: {states}.
"""

OSC = """\
## OSC over UDP

The daemon listens on {host}, port {port} unless told otherwise (`--osc-port`, or `osc_port` in `daemon.status`).

- Address: `/dap/VERB`; events come back as `/dap/EVENT`.
- Arguments: key, value, key, value …, every key a string; what is left out takes its default. A field marked
  *repeated* is given once for each of its values, in order.
- Every message but `hello` tells the daemon's key, as the argument `{key}`: it stands in `daemon.status` of the drop
  folder, which only the user that the daemon runs as can read, and is a new one each time the daemon starts. Read it
  anew for every message, and tell it to the port that `daemon.status` names and to no other. Without it a message is
  refused with `forbidden`. (`open_osc = true` in the configuration opens the port to all; see
  [security.md](security.md).)
- Types: `i`, `h`, `f`, `d`, `s`. A whole number may come as a float (some hosts can send nothing else), or as text. A
  float of 32 bits (`f`) tells whole numbers from 2^24 on no more apart, and is refused there: 2^24 frames are six
  minutes.
- Bundles are taken apart, and their time tags ignored.
- Answers go to `reply_port` if the message names one, else to the port that an earlier `hello` from the same socket
  named, else to where the message came from.
- One message is one datagram of at most {datagram} bytes; longer requests go through the drop folder.
- What is not OSC is ignored. A well-formed message under `/dap/` is always answered, with `failed` where it is refused.
- UDP may lose a packet. Ask `status` with the job's name after a few seconds of silence; if the answer is
  `unknown_job`, the request was lost: send it again.

Example, as `oscsend` of liblo sends it:

    key=$(grep ^key {spool}/daemon.status | cut -f 2)
    oscsend osc.udp://{host}:{port} /dap/separate sssssiss clip /music/clip.wav job take-1 sources 3 key "$key"

(What is an argument of a program can be seen by all users while it runs; a program that sends by itself shows nothing.)
"""

DROP_FOLDER = """\
## Drop folder

`{spool}` unless told otherwise (`--spool`).

- `inbox/NAME.json`: a request, one JSON object with `verb` and its fields, UTF-8, at most {bytes} bytes. Write it as
  `NAME.json.tmp` and rename it; a host that cannot rename may write it in place. It is removed once the job is on disk.
- `outbox/JOB.status`: the latest event of a job, whichever door the job came by; replaced as a whole at each event. A
  request that names no job is known by its file's name: `NAME.json` is answered in `NAME.status` (whatever is no
  letter, digit, `-` or `_` becomes `-`).
- `outbox/NAME.status`: the answer to a request that makes no job. Several events at once stand there with an empty
  line between them.
- `outbox/JOB.chosen`: the event `chosen`, once the user has sent a result to the host from the mask editor's page that
  was opened with the session JOB. A host removes it before it opens the page, and looks for it afterwards.
- `rejected/NAME.json`: a request that could not be used, with the reason in `rejected/NAME.json.reason`.
- `clips/`: where a host may put the audio of a selection that is no file yet, and take it away afterwards.
- A folder of these that is taken away is made again, for this user alone, and what `outbox/` said of jobs is written
  again. Where there is no room for an answer, it is written once there is.
- `daemon.status`: rewritten every {heartbeat:g} s while the daemon runs, removed when it ends. It holds the fields of
  `welcome`, `osc_port`, `key` (see above), `time` (seconds since 1970), and `editor`: the address of the mask editor,
  to which a session's name is added. Only the user that the daemon runs as can read this file, for whoever has the key
  or the address may do what he may.

Everything the daemon writes here is lines of `key<TAB>value`, with `event` as the first key of an event. Inside a
value, backslash, tab, newline and carriage return are written as `\\\\`, `\\t`, `\\n` and `\\r`.

Example, `inbox/take-1.json`:

    {{"verb": "separate", "clip": "/music/clip.wav", "sources": 3}}

and, in the end, `outbox/take-1.status`:

    event	done
    job	take-1
    manifest	/music/stems/manifest.json
"""


HTTP = """\
## HTTP

For the pages alone: loopback, a free TCP port (`--http-port` sets one), everything below the secret path
that `editor` in `daemon.status` gives. A request that names another host, comes from another origin or has no token is
refused with `forbidden`. Errors are `{{"error": {{"code", "message", "hint"}}}}` with a status of 400 or above.

- `GET edit/`: the front page. `GET edit/SESSION`: the mask editor.
- `GET sessions/SESSION`: what a finished job made (JSON), without paths.
- `GET sessions/SESSION/tiles/LEVEL/INDEX`: a tile of the spectrogram, as `dap_bridge/web/tiles.py` says.
- `GET sessions/SESSION/stems/STEM?start=FRAME&frames=COUNT`: samples, float32, little-endian, interleaved.
- `GET sessions/SESSION/similar?stem=STEM&start=SECONDS&end=SECONDS&low=HZ&high=HZ`: where else what is there is heard:
  `{{"events": [{{"start", "end", "likeness"}}, …]}}`, the likeliest first, likeness up to 1, {events} at most, each as
  long as what was asked for and none overlapping it. STEM is looked into where most of what is there is its own; else,
  and without it, the sum of the stems is.
- `GET sessions/SESSION/files/STEM`, `GET sessions/SESSION/files`: a stem as a file to be saved; all of them as a zip.
- `GET sessions/SESSION/dawproject`: the clip and its stems as a DAWproject.
- `POST messages`: one JSON object as in the drop folder, at most {bytes} bytes; answered with a list of the events that
  it brings at once. Where a field names a file, `upload:ID` and `stem:SESSION:INDEX[:ALTERNATIVE]` may stand for its
  path. With an `Idempotency-Key` it may be sent again where no answer came, and is heard once.
- `POST uploads?name=NAME`: a file, as `application/octet-stream` and with its length, at most `upload_gib`; answered
  with its `upload` (an ID), `name`, `size`, `rate`, `channels`, `frames`, `seconds`. It goes with the last of its
  results, or when it has had none for `results_days`.
- `GET uploads`: the latest of these, and `most_bytes`. `GET verbs`: of each verb the presets that it can use.
- `GET events?job=JOB`: server-sent events: `welcome`, then how the job stands and all that happens to it.
  `GET events?jobs=all`: what happens to any.
"""


REGIONS = """\
## Regions

A box is a rectangle; with a `mask` it is a region of any shape in that rectangle, as a brush or a lasso draws it, with
the same promises. `start`, `end`, `low` and `high` are the mask's bounds, and all else is said as of a box. The mask is
a grid of cells that are on or off, as text: `AXIS:COLUMNSxROWS:RUNS`.

- COLUMNS divide the time from `start` to `end` evenly, ROWS the band from `low` to `high`: evenly in Hz where AXIS is
  `linear`, in octaves where it is `log`. Rows in octaves begin at 20 Hz where `low` is below that; the first one then
  reaches down to `low`. Each is {side} at most.
- RUNS are lengths of cells that are off, on, off …, joined by dots, column after column from `start`, in each of them
  from `low` to `high`. The first may be 0, and no other. They add up to COLUMNS x ROWS; there are {runs} at most, and
  at least one cell is on.

So `log:3x2:1.4.1` is three columns of two rows: the first cell off, four on, the last off.

Cells that are finer than the spectrograms that a correction works on count there by the share of their area that is on.
Where a region is on, full strength holds exactly, from some 25 ms and 90 Hz inside its edge on. `feather` and
`feather_octaves` begin at that edge. In a manifest a box has the same text as `mask`, or null.

Masks make requests long: what one datagram does not hold goes through the drop folder.
"""


def document() -> str:
    """The whole page."""
    defaults = Settings.model_fields
    spool = Path("~") / default_spool().relative_to(Path.home())
    parts = [
        INTRODUCTION.format(
            states=", ".join(f"`{state}`" for state in State),
            history=defaults["history"].default,
            days=defaults["results_days"].default,
            stall=defaults["stall_s"].default,
        ),
        OSC.format(
            host=LOOPBACK,
            port=defaults["osc_port"].default,
            datagram=protocol.MAX_DATAGRAM,
            key=osc.KEY,
            spool=spool,
        ),
        DROP_FOLDER.format(
            spool=spool,
            bytes=MAX_BYTES,
            heartbeat=defaults["heartbeat_s"].default,
        ),
        HTTP.format(bytes=MAX_BODY, events=MOST_EVENTS),
        "## Verbs\n",
        *(_message(model) for model in protocol.VERBS.values()),
        REGIONS.format(side=MAX_SIDE, runs=MAX_RUNS),
        "## Events\n",
        *(_message(model) for model in EVENTS.values()),
        _table("## The manifest", Manifest),
        _table("Each of `stems`:", Stem),
        _table("Each of `alternatives`:", Alternative),
        _table("Each of `guidance`:", Guided),
        _errors(),
    ]
    return "\n".join(parts)


def _message(model: type[Message]) -> str:
    lines = [f"### {model.name}", "", inspect.cleandoc(model.__doc__ or ""), ""]
    # What every verb has in common comes last.
    fields = sorted(schema.fields(model), key=lambda field: field.name in Verb.model_fields)
    if fields:
        lines += ["| field | type | default | meaning |", "|---|---|---|---|", *map(_row, fields), ""]
    return "\n".join(lines)


def _row(field: schema.Field) -> str:
    default = "required" if field.required else "" if field.default is None else f"`{_literal(field.default)}`"
    meaning = field.description.replace("|", "\\|")
    return f"| `{field.name}` | {_type(field.kind)} | {default} | {meaning} |"


def _literal(value: Any) -> str:
    """A default as JSON has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(kind: dict[str, Any]) -> str:
    """What may stand there, in words: the JSON schema's type and limits."""
    if kind.get("type") == "array":
        return f"{_type(kind['items'])}, repeated at most {kind['maxItems']} times"
    if "enum" in kind:
        return " or ".join(f"`{value}`" for value in kind["enum"])
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}[
        kind["type"]
    ]
    low, high = kind.get("minimum"), kind.get("maximum")
    if low is not None:
        words += f", {low} to {high}"
    if "maxLength" in kind:
        words += f" of at most {kind['maxLength']} characters"
    return words


def _table(heading: str, kind: type[Manifest | Stem | Alternative | Guided]) -> str:
    rows = [f"| `{field.name}` | {field.metadata['meaning']} |" for field in dataclasses.fields(kind)]
    about = [inspect.cleandoc(kind.__doc__ or ""), ""] if heading.startswith("#") else []
    return "\n".join([heading, "", *about, "| key | meaning |", "|---|---|", *rows, ""])


def _errors() -> str:
    rows = [f"| `{kind.code}` | {_sentence(kind)} | {kind.default_hint} |" for kind in _kinds(DapError)]
    return "\n".join(["## Error codes\n", "| code | meaning | hint |", "|---|---|---|", *rows, ""])


def _kinds(base: type[DapError]) -> list[type[DapError]]:
    """`base` and all that derives from it."""
    return [base] + [kind for child in base.__subclasses__() for kind in _kinds(child)]


def _sentence(kind: type[DapError]) -> str:
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8", newline="\n")
