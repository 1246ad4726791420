"""A way to a real store that can stop: as a frozen machine does, it takes connections and bytes, and answers nothing."""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit


class Proxy:
    """Listens on a port of its own, and forwards to one endpoint unless it is frozen."""

    def __init__(self, endpoint: str) -> None:
        self._target = urlsplit(endpoint)
        self._moving = asyncio.Event()
        self._moving.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.statements = 0
        """Times that a client sent something"""
        self.endpoint = ""

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        self._moving.clear()

    def thaw(self) -> None:
        self._moving.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_connection(self._target.hostname, self._target.port)
        for source, sink, counted in ((reader, to_store, True), (from_store, writer, False)):
            task = asyncio.create_task(self._pass(source, sink, counted=counted))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counted: bool) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                self.statements += counted
                await self._moving.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
