"""What a request passes before the application: token, kind, size and time; and what becomes of an error.

Everything that goes wrong reaches the client as one line of JSON, ``{"error": "…"}``, and never as a stack trace.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from recbole_iacn.serving.service.meters import Meters
from recbole_iacn.serving.service.request_limits import Limits
from recbole_iacn.serving.service.secret import Secret

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_DISCARDED = 16  # times the limit of a body that are read, and thrown away, before a refusal
_PATIENCE = 2.0  # seconds for that
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Refusal(Exception):
    """A request that is not carried out.

    Args:
        status (int): of HTTP.
        line (str): what is wrong, and the mend.
        headers (dict): further headers of the response.
    """

    def __init__(self, status: int, line: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers or {}


class Gate:
    """An ASGI middleware, the outermost.

    Args:
        app: the application behind it.
        secret (Secret, optional): what requests must carry; None for anybody.
        limits (Limits): the size of a body, and the time for it to arrive.
        meters (Meters): where requests are counted.
        open_paths (tuple of str): paths that need no token.
    """

    def __init__(
        self, app: App, secret: Secret | None, limits: Limits, meters: Meters, open_paths: tuple[str, ...] = ()
    ) -> None:
        self._app, self._secret, self._limits, self._meters = app, secret, limits, meters
        self._open_paths = open_paths

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status, incoming = time.perf_counter(), 0, _Incoming(receive)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            scope.setdefault("state", {})["authorized"] = self._is_authorized(scope)
            body = await self._body(scope, incoming)
            await self._app(scope, _replay(body, receive), sending)
        except Refusal as refusal:
            await self._discard(scope, incoming)
            await respond(sending, refusal.status, {"error": refusal.line}, refusal.headers)
        except _Gone:
            status = 499  # the client went away before its request was whole: nobody reads an answer
        except asyncio.CancelledError:
            if status:
                raise
            # The service ends, and does not wait for this one any longer; nobody awaits this task afterwards.
            line = "ended: the service is ending, and the time for what had begun is over (--grace)"
            await respond(sending, 503, {"error": line}, {"Connection": "close"})
        except Exception:
            logging.getLogger(__name__).exception("%s %s failed", scope["method"], scope["path"])
            if status:
                raise  # the response has begun: uvicorn must cut it off
            await respond(sending, 500, {"error": "internal error; the service's log has the details"})
        finally:
            self._meters.request(scope["path"], status, time.perf_counter() - start)

    def _is_authorized(self, scope: MutableMapping[str, Any]) -> bool:
        """Whether the request carries the token; raises where it must."""
        if self._secret is None:
            return False
        allowed = self._secret.allows(_header(scope, b"authorization"))
        if not allowed and scope["path"] not in self._open_paths:
            raise Refusal(
                401, "token: is missing or wrong; send Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )
        return allowed

    async def _body(self, scope: MutableMapping[str, Any], incoming: "_Incoming") -> bytes:
        """The whole body, within the limits."""
        announced = _header(scope, b"content-length")
        if announced.isdigit() and int(announced) > self._limits.body:
            raise self._too_large()
        try:
            body = await asyncio.wait_for(self._read(incoming), self._limits.seconds)
        except asyncio.TimeoutError:
            incoming.ended = True  # no more patience
            line = f"body: did not arrive within {self._limits.seconds:g} s"
            raise Refusal(408, line, {"Connection": "close"}) from None
        if body and _header(scope, b"content-type").partition(b";")[0].strip().lower() != b"application/json":
            # A form on another site can send text, but not JSON, to a service on its visitor's own machine.
            raise Refusal(415, "Content-Type: must be application/json")
        return body

    async def _read(self, incoming: "_Incoming") -> bytes:
        parts, size = [], 0
        while not incoming.ended:
            parts.append(await incoming.part())
            size += len(parts[-1])
            if size > self._limits.body:
                raise self._too_large()
        return b"".join(parts)

    async def _discard(self, scope: MutableMapping[str, Any], incoming: "_Incoming") -> None:
        """Read what is still on its way, within bounds: a client that is cut off as it sends does not see why."""
        if _header(scope, b"expect"):
            return  # it waits for leave to send
        left = _DISCARDED * self._limits.body

        async def discard() -> None:
            nonlocal left
            while not incoming.ended and left > 0:
                left -= len(await incoming.part())

        with contextlib.suppress(asyncio.TimeoutError, _Gone):
            await asyncio.wait_for(discard(), _PATIENCE)

    def _too_large(self) -> Refusal:
        line = f"body: at most {self._limits.body:,} bytes (--max-body); send fewer histories per request"
        return Refusal(413, line, {"Connection": "close"})  # what is still on its way is not read


class _Incoming:
    """A request's body as it arrives."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def part(self) -> bytes:
        """The next part; after the last one :attr:`ended` is True."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        self.ended = not message.get("more_body", False)
        return message.get("body", b"")


class _Gone(Exception):
    """The client has closed the connection."""


async def respond(send: Send, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
    """Send a response of JSON."""
    body = as_bytes(content)
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def as_bytes(content: Any) -> bytes:
    """JSON in ASCII, which can hold any text, also what is not valid UTF-8."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def _header(scope: MutableMapping[str, Any], name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _replay(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body in one message, then what the server says."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed
