"""Who is let in, and what every answer tells the browser."""

from __future__ import annotations

import logging
import secrets

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...config import LOOPBACK
from ...errors import Forbidden
from .. import protocol
from .answers import error_response

log = logging.getLogger(__name__)

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Lets nothing pass that did not come from the page, and tells the browser to do the same."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._prefix = f"/{token}"
        self._hosts = frozenset(f"{name}:{port}" for name in (LOOPBACK, "localhost"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        reason = self._objection(Headers(scope=scope), scope)
        if reason:
            log.info("refused %s over HTTP: %s", scope["method"], reason)
            await error_response(Forbidden(reason))(scope, receive, send_guarded)
        else:
            scope["state"]["connection"].known = True
            inner = {**scope, "path": scope["path"].removeprefix(self._prefix) or "/"}
            await self._app(inner, receive, send_guarded)

    def _objection(self, headers: Headers, scope: Scope) -> str:
        """Why the request is refused; empty where it is not."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self._hosts:  # a name of somebody else's that resolves to this machine (DNS rebinding)
            return f"It was addressed to {protocol.shorten(host)!r}."
        if origin is not None and origin != f"http://{host}":
            return f"It came from {protocol.shorten(origin)!r}."
        # `none`: the user's own doing, an address typed or opened by a program.
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "It came from another site."
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return f"{scope['method']} is not in use."
        first = scope["path"][: len(self._prefix) + 1].encode()
        if not secrets.compare_digest(first.removesuffix(b"/"), self._prefix.encode()):
            return "The address holds no valid token."
        return ""
