"""A server that reads everything and answers each request at once with `{}`: what an attack costs its own machine.

`python -m bench.dummy PORT` runs it.
"""

import asyncio
import re
import sys

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_KEPT = 1 << 16
"""Bytes of a head that are looked at; an endless one is thrown away."""


class Dummy(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._head = b""
        self._body = 0
        """Bytes of the current body that are still to come"""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        while data:
            if self._body:
                taken = min(self._body, len(data))
                self._body -= taken
                data = data[taken:]
                if not self._body:
                    self._transport.write(_ANSWER)
                continue
            self._head += data
            data = b""
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                self._head = self._head[-_KEPT:]
                return
            self._head = b""
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            self._body = int(length[1]) if length else 0
            if not self._body:
                self._transport.write(_ANSWER)
            data = rest


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Dummy, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
