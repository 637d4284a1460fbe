"""Whether stems are the same to the bit before and after a change: `python -m tests.digests --out before.json`, then
`--against before.json`.

On one machine alone: another rounds otherwise. The open recordings beside the checkout are used where they are there.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import soundfile

from dap_bridge.demo import CLIP as DEMO
from dap_bridge.jobs import results
from tests.processes import CHECKOUT

OWN = Path(__file__).parent / "recordings"
OPEN = CHECKOUT.parent / "shared" / "audio" / "recordings"
PAIRS, STEREO = 10, 3
# Of the demo's stems, of the first correction's, and at once.
BOXES = [
    ("refine-1", "demo", ["--box", "stem=1,op=deactivate,start=1.2,end=2.0,low=200,high=4000"]),
    ("refine-2", "refine-1", ["--box", "stem=2,op=activate,start=0.5,end=0.9,low=1000,high=3000"]),
    ("refine-3", "demo", ["--box", "stem=1,op=activate,start=2,end=3,low=100,high=900", "--preview"]),
]


def jobs(work: Path) -> Iterator[tuple[str, list[str]]]:
    """The name of each job, and how it is typed; `work`: where results go, a folder for each name."""
    yield "demo", ["separate", str(DEMO)]
    yield "separate-3", ["separate", str(OWN / "guitar_tabla.flac"), "--sources", "3"]
    yield "draft", ["separate", str(OWN / "tabla_and_guitar.flac"), "--preset", "draft"]
    yield "coseparate", ["coseparate", *map(str, sorted(OWN.glob("shared_bell_*.flac")))]
    yield "denoise", ["denoise", str(OWN / "tabla_and_guitar.flac")]
    yield "texture", ["texture", str(OWN / "drum_roll_3s.flac"), "--seconds", "6"]
    for name, session, options in BOXES:
        yield name, ["refine", str(work / session), *options]
    for kind, verb, count in (("pair", "separate", PAIRS), ("stereo", "separate", STEREO), ("noisy", "denoise", 1)):
        folders = sorted(path for path in (OPEN / kind).glob("*") if path.is_dir())
        for folder in folders[:count]:
            yield folder.name, [verb, str(min(folder.glob("mix*")))]
    for folder in sorted((OPEN / "watermark").glob("*"))[:1]:
        yield folder.name, ["coseparate", *map(str, sorted(folder.glob("mix*")))]


def run(name: str, typed: list[str], work: Path) -> list[str]:
    """The digest of every stem's samples."""
    folders = {"DAP_BRIDGE_DATA": str(work / "data"), "DAP_BRIDGE_SPOOL": str(work / "spool"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "dap_bridge", *typed, "--out", str(work / name), "--format", "float32"]
    subprocess.run(command, env=os.environ | folders, cwd=CHECKOUT, check=True, capture_output=True)
    path = results.manifest_of(work / name)
    samples = (soundfile.read(stem, dtype="float32")[0] for stem in results.stems(path, results.read(path)))
    return [hashlib.sha256(stem.tobytes()).hexdigest()[:16] for stem in samples]


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the digests there.")
@click.option("--against", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Compare with those.")
def main(out: Path | None, against: Path | None) -> None:
    """Digests of the stems of some jobs. Ends with status 1 where one is not as in the file to compare with."""
    before = {} if against is None else json.loads(against.read_text())
    found, changed = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for name, typed in jobs(Path(folder)):
            found[name] = run(name, typed, Path(folder))
            same = before.get(name, found[name]) == found[name]
            changed += not same
            click.echo(f"{'same   ' if same else 'CHANGED'} {name}: {' '.join(found[name])}")
    if out is not None:
        out.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(changed > 0)


if __name__ == "__main__":
    main()
