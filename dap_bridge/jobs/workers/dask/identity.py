"""What two installations have to have in common for the one to compute what the other one would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

from .... import __version__, presets
from ....errors import WorkerRefused

HINT = "Install the same on both machines (docs/cluster.md)."


@dataclass(frozen=True)
class Identity:
    """version: of dap-bridge; torch: its version, without which build it is; presets: the digest of each."""

    version: str
    torch: str
    presets: Mapping[str, str]

    @classmethod
    def here(cls) -> Identity:
        """This installation's, as it is now."""
        return cls(__version__, metadata.version("torch").partition("+")[0], presets.digests())

    def require(self, other: Identity) -> None:
        """Raises WorkerRefused where the other one would compute something else."""
        for what, wanted, found in (
            ("dap-bridge", self.version, other.version),
            ("torch", self.torch, other.torch),
        ):
            if wanted != found:
                raise WorkerRefused(f"It has {what} {found}, and here is {wanted}.", HINT)
        for name, digest in self.presets.items():
            if other.presets.get(name) != digest:
                differs = "is another one there" if name in other.presets else "is missing there"
                raise WorkerRefused(f"The preset {name!r} {differs}.", "Copy the presets to that machine.")
