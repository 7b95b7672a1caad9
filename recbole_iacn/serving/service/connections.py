"""Connections, before a request is whole: how long its head may be, and how long it may take to arrive.

uvicorn bounds neither with httptools: anybody, also without a token, could fill the memory by one header that does not
end, and hold connections for ever by sending nothing.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LONGEST = 65_536  # bytes of a head, as in uvicorn's other parser; what arrives at once may be more


def bounded(seconds: float) -> type[HttpToolsProtocol]:
    """uvicorn's protocol of a connection, with bounds.

    Args:
        seconds: for the head of a request to arrive, from the connection or, on one that is kept, from its first byte.
    """

    class Bounded(HttpToolsProtocol):
        _heads = 0  # that were whole
        _size = 0  # bytes of the head that is not
        _in_head = True
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._start()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            before = self._heads, self._in_head
            super().data_received(data)
            if before == (self._heads, True):  # all of it belongs to a head that has not ended
                self._size += len(data)
                if self._size > _LONGEST and not self.transport.is_closing():
                    self._refuse(f"head: at most {_LONGEST:,} bytes")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head = True
            self._start()

        def on_headers_complete(self) -> None:
            self._stop()
            self._heads += 1
            self._size, self._in_head = 0, False
            super().on_headers_complete()

        def _start(self) -> None:
            if self._timer is None:
                self._timer = self.loop.call_later(seconds, self._late)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _late(self) -> None:
            if self.scope is None:  # nothing came: a connection that somebody keeps ready
                self.transport.close()
            elif not self.transport.is_closing():
                self._refuse(f"head: did not arrive within {seconds:g} s")

        def _refuse(self, line: str) -> None:
            """Close; answer, unless the client still waits for an answer to an earlier request."""
            if self.cycle is None or self.cycle.response_complete:
                self.logger.warning("Refused: %s", line)
                self.send_400_response(line)
            else:
                self.transport.close()

    return Bounded
