"""`python -m tests.trust.race`: a program takes the name of a result just before it is published, again and again.

Ends with one line of JSON: rounds; refused: what the job noticed; over: the other program's file was written over or
removed.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import click

from dap_bridge.errors import OutputUnwritable
from dap_bridge.jobs.output import Output
from tests.trust import unguarded

NAMES = ["stem-1.wav", "stem-2.wav", "manifest.json"]
TAKEN, THEIRS = "stem-2.wav", b"theirs"
# The job is about to publish within so long of its manifest's writing.
ABOUT_S = 0.0006
NOTICE_S = 30.0


def take(rounds: list[Path], made: Connection) -> None:
    """The other program: it waits for a manifest among what is staged, and then makes a file of a stem's name."""
    for folder in rounds:
        while not any(folder.glob(".dap-*/manifest.json")) and not (folder / "manifest.json").exists():
            if os.getppid() == 1:
                return
        try:
            with (folder / TAKEN).open("xb") as file:
                file.write(THEIRS)
            made.send(True)
        except FileExistsError:
            made.send(False)


@click.command()
@click.option("--rounds", default=300)
@click.option("--seed", default=0)
@click.option("--without-guard", is_flag=True, help="Results are renamed to their names, whatever is there.")
def main(rounds: int, seed: int, without_guard: bool) -> None:
    if without_guard:
        unguarded.publish()
    dice = Random(seed)
    refused = over = taken = 0
    with tempfile.TemporaryDirectory() as home:
        folders = [Path(home) / f"out-{number}" for number in range(rounds)]
        mine, theirs = multiprocessing.Pipe(duplex=False)
        taker = multiprocessing.get_context("spawn").Process(target=take, args=(folders, theirs), daemon=True)
        taker.start()
        for folder in folders:
            folder.mkdir()
            output = Output(Path(home) / "ledger.json")
            stage = output.stage(folder, "job", NAMES)
            for name in NAMES:
                (stage / f"{name}.new").write_bytes(b"the job's")
                (stage / f"{name}.new").rename(stage / name)
            time.sleep(dice.uniform(0, ABOUT_S))
            try:
                output.publish("manifest.json")
                output.keep()
            except OutputUnwritable:
                refused += 1
                output.discard()
            if not mine.poll(NOTICE_S):
                sys.exit("the other program has ended")
            if mine.recv():
                taken += 1
                with contextlib.suppress(FileNotFoundError):
                    over -= (folder / TAKEN).read_bytes() == THEIRS
                over += 1
        taker.kill()
        taker.join()
    print(json.dumps({"rounds": rounds, "taken": taken, "refused": refused, "over": over}))


if __name__ == "__main__":
    main()
