"""The ReaPack index: `make reapack URL=BASE`.

BASE is the address under which the files of daw_scripts can be read. What a package is called, and what belongs
to it, stands in the header of its main script. The format is what ReaPack's own reader takes (src/index_v1.cpp of
cfillion/reapack): a file lands in Scripts/NAME/CATEGORY.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import click

from .. import assets
from ..errors import InstallFailed
from . import reaper

# Not "dap-bridge": that folder below Scripts belongs to `dap-bridge install reaper`.
NAME = "DAP Bridge"
CATEGORY = "Separation"
TAG = re.compile(r"^-- @(\w+)\s*(.*)$")
PROVIDES = re.compile(r"^\[(main|nomain)\]\s+(\S.*)$")


@dataclass(frozen=True)
class Package:
    """A package as the header of its main script describes it; `provides` pairs (makes actions, pattern)."""

    main: str
    tags: dict[str, str]
    provides: tuple[tuple[bool, str], ...]


def read(path: Path) -> Package:
    """The header of a script: tags from line 1, a value's further lines indented. Raises InstallFailed."""
    tags: dict[str, list[str]] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            break
        match = TAG.match(line)
        if match:
            name = match[1]
            tags[name] = [match[2]] if match[2] else []
        else:
            tags[name].append(line.removeprefix("--").strip())
    if not {"version", "description", "author"} <= tags.keys():
        raise InstallFailed(f"{path} needs @version, @description and @author.", "See the header of the main action.")
    matches = [PROVIDES.match(line) for line in tags.pop("provides", [])]
    provides = tuple((match[1] == "main", match[2]) for match in matches if match)
    return Package(path.name, {tag: "\n".join(lines) for tag, lines in tags.items()}, provides)


def rtf(text: str) -> str:
    """Lines of a header as ReaPack shows them: rich text, where a line that starts with `# ` is a heading."""
    escaped = "".join(f"\\{sign}" if sign in "\\{}" else sign if ord(sign) < 128 else _rtf_units(sign) for sign in text)
    lines = (f"{{\\b {line[2:]}}}" if line.startswith("# ") else line for line in escaped.splitlines())
    return "{\\rtf1\\ansi " + "\\par\n".join(lines) + "\\par}"


def _rtf_units(sign: str) -> str:
    """A sign beyond ASCII as signed 16-bit numbers, with a question mark for readers that cannot."""
    units = sign.encode("utf-16-le")
    numbers = (int.from_bytes(units[at : at + 2], "little", signed=True) for at in range(0, len(units), 2))
    return "".join(f"\\u{number}?" for number in numbers)


def index(files: Mapping[str, str], package: Package, url: str, time: datetime.datetime) -> str:
    """index.xml for one package: `files` are paths below `url`, by where they belong in the package."""
    tree = ElementTree.Element("index", version="1", name=NAME)
    category = ElementTree.SubElement(tree, "category", name=CATEGORY)
    kind = {"name": package.main, "type": "script", "desc": package.tags["description"]}
    node = ElementTree.SubElement(category, "reapack", kind)
    about = {
        "author": package.tags["author"],
        "name": package.tags["version"],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if "about" in package.tags:
        description = ElementTree.SubElement(ElementTree.SubElement(node, "metadata"), "description")
        description.text = rtf(package.tags["about"])
    version = ElementTree.SubElement(node, "version", about)
    if "changelog" in package.tags:
        ElementTree.SubElement(version, "changelog").text = package.tags["changelog"]
    for name, path in files.items():
        makes = [action for action, pattern in package.provides if fnmatchcase(name, pattern)]
        if makes:
            attributes = ({"main": "main"} if makes[0] else {}) | ({} if name == package.main else {"file": name})
            ElementTree.SubElement(version, "source", attributes).text = f"{url.rstrip('/')}/{quote(path)}"
    ElementTree.indent(tree)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(tree, encoding="unicode") + "\n"


@click.command()
@click.option("--url", required=True, help="Where the files of daw_scripts can be read.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(url: str, out: Path) -> None:
    """Write the ReaPack index."""
    if not re.match(r"https?://", url):
        raise click.BadParameter("it must start with http:// or https://", param_hint="--url")
    root, scripts = assets.folder("daw_scripts"), reaper.sources()
    package = read(scripts["DAP_Separate selected items.lua"])
    files = {name: path.relative_to(root).as_posix() for name, path in scripts.items() if path.suffix == ".lua"}
    now = datetime.datetime.now(datetime.UTC)
    out.write_text(index(files, package, url, now), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
