"""Bad files in the drop folder."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

from dap_bridge.errors import DapError
from dap_bridge.transport import protocol
from tests.trust import harness, mutations
from tests.trust.doors.door import BATCH, HUNG, INTERNAL, Door, good_messages
from tests.trust.harness import Lab, Tally, happens
from tests.trust.mutations import VALUES

FILES = 1500


def check(lab: Lab, tally: Tally) -> None:
    """Files in the inbox, by hundreds; what becomes of them stands in the outbox."""
    door = Door(lab, tally)
    inbox, outbox, rejected = (door.daemon.spool / name for name in ("inbox", "outbox", "rejected"))
    good = [{"verb": message.name, **message.model_dump(mode="json", exclude_none=True)} for message in good_messages()]
    left = lab.times(FILES)
    while left:
        count = min(left, 2 * BATCH)
        for number in range(count):
            _put(lab.dice, inbox, f"{left - number}", wrong_request(lab.dice, good))
        tally.tried += count
        left -= count
        if not happens(lambda: not list(inbox.iterdir())):
            waiting = list(inbox.iterdir())
            tally.note(HUNG, waiting[:3], len(waiting))
        door.alive(f"files before {left}")
        for answer in outbox.glob("*.status"):
            pairs = protocol.parse_lines(answer.read_text(encoding="utf-8").split("\n\n")[-1])
            tally.check(pairs.get("code") != DapError.code, INTERNAL, f"{answer.name}: {pairs}")
        for path in (*inbox.iterdir(), *outbox.iterdir(), *rejected.iterdir()):
            harness.remove(path)
    door.close()


def wrong_request(dice: random.Random, good: list[dict[str, Any]]) -> bytes:
    """A request that is wrong somewhere."""
    request = dict(dice.choice(good))
    match dice.randrange(8):
        case 0:
            return mutations.broken(dice, json.dumps(request).encode(), json.dumps(dice.choice(good)).encode())
        case 1:
            depth = dice.choice([10, 1000, 100_000])
            return dice.choice(
                [b"[" * depth + b"]" * depth, b'{"verb":' * depth, b'{"verb": "hello", "x": ' + b"[" * depth]
            )
        case 2:
            number = dice.choice(
                [b"9" * 5000, b"1e999999", b"-0", b"NaN", b"1" + b"0" * 300 + b".5", b"0x10", b"1e-999"]
            )
            return b'{"verb": "separate", "clip": "/c.wav", "start": ' + number + b"}"
        case 3:
            text = json.dumps(request, ensure_ascii=False)
            return dice.choice(
                [text.encode("utf-16"), text.encode("utf-8-sig"), b"\xff" + text.encode(), text.encode() + b"\0"]
            )
        case 4:
            return json.dumps(dice.choice([*VALUES, [request], {"verb": dice.choice(VALUES)}]), allow_nan=True).encode()
        case _:
            for _ in range(dice.randint(1, 3)):
                request[dice.choice([*request, "other", ""])] = dice.choice([*VALUES, "\ud800"])
            return json.dumps(request).encode()


def _put(dice: random.Random, inbox: Path, name: str, content: bytes) -> None:
    """A file in the inbox as a host writes it; now and then one of a name, or a kind, that no host makes."""
    odd = ["\udcff\udcfe", "a b", ".hidden..", "-", "ü" * 60, "x" * 240, "a\nb", "a\tb", "CON", "\u202e"]
    target = inbox / f"{name}{dice.choice(odd) if dice.random() < 0.2 else ''}.json"
    match dice.randrange(40):
        case 0:
            target.mkdir()
        case 1:
            target.symlink_to(dice.choice(["/dev/zero", target.name, "/nowhere", "/"]))
        case 2:
            os.mkfifo(target)
        case _:
            unfinished = inbox / f"{name}.tmp"
            unfinished.write_bytes(content)
            unfinished.rename(target)
