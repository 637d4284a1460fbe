"""Where a cluster's scheduler is, and by which certificates one is let in."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ....config import APP, Settings
from ....errors import BadSettings, MissingExtra, WorkersUnreachable

if TYPE_CHECKING:
    from distributed import Client, Security

# For whoever is there to say something.
ANSWER_S = 10.0


@dataclass(frozen=True)
class Address:
    """url: tcp:// or tls://; ca, cert, key: files in PEM, which tls:// needs and tcp:// has not."""

    url: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @classmethod
    def of(cls, url: str, settings: Settings) -> Address:
        """Raises BadSettings where it is not to be used: whoever is let in runs code, so that everybody on a
        network has to prove who he is.
        """
        parts = urlsplit(url)
        if parts.scheme == "tcp":
            if not _is_loopback(parts.hostname or ""):
                raise BadSettings(
                    f"Setting workers: {url} is on another machine, and tcp:// asks nobody who he is.",
                    "Use tls:// with certificates (docs/cluster.md).",
                )
            return cls(url)
        files = {name: getattr(settings, f"workers_tls_{name}") for name in ("ca", "cert", "key")}
        for name, file in files.items():
            if file is None:
                raise BadSettings(
                    f"Setting workers_tls_{name} is missing: {url} is entered with certificates alone.",
                    "docs/cluster.md says how to make them.",
                )
            if not file.is_file():
                raise BadSettings(f"Setting workers_tls_{name}: there is no file {file}.")
        return cls(url, **files)

    async def told(self, _: AsyncExitStack) -> Address:
        """Itself, for a cluster that nobody has to begin."""
        return self

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        return _is_loopback(urlsplit(self.url).hostname or "")

    def security(self) -> Security:
        """As Dask wants to know it. Raises BadSettings where the files are no certificates that belong together."""
        from distributed import Security

        if self.ca is None:
            return Security()
        files = {"tls_ca_file": str(self.ca)}
        for role in ("client", "worker", "scheduler"):
            files |= {f"tls_{role}_cert": str(self.cert), f"tls_{role}_key": str(self.key)}
        security = Security(require_encryption=True, **files)
        try:
            security.get_connection_args("client")
        except OSError as error:  # of ssl, too
            raise BadSettings(f"Settings workers_tls_ca, …_cert and …_key: {error}.") from error
        return security

    def client(self, within_s: float) -> Client:
        """Of the scheduler there, which has to answer within so many seconds; to be entered. Raises BadSettings."""
        from distributed import Client

        return Client(
            self.url,
            security=self.security(),
            asynchronous=True,
            timeout=within_s,
            set_as_default=False,
            name=APP,
        )

    async def knock(self) -> None:
        """Raises WorkersUnreachable where nobody answers, or, with the SSLError as its cause, is let in: Dask does not
        say which.
        """
        context = self.security().get_connection_args("client").get("ssl_context")
        parts = urlsplit(self.url)
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
                try:
                    await reader.read(1)  # it speaks first, and then it is known what it thinks of our certificate
                finally:
                    writer.close()
        except ssl.SSLError as error:
            words = getattr(error, "verify_message", "") or error.reason
            raise WorkersUnreachable(f"{self.url} and this machine do not trust each other: {words}.") from error
        except OSError as error:
            raise WorkersUnreachable(f"{self.url} cannot be reached: {error.strerror or 'no answer'}.") from error


def require_extra() -> None:
    """Raises MissingExtra."""
    if find_spec("distributed") is None:
        raise MissingExtra("Workers elsewhere need Dask.", "Install it with: pip install 'dap-bridge[cluster]'")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
