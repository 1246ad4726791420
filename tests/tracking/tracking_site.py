"""The whole server in a thread of this process, with four users: tests look behind it where HTTP shows too little."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from modelkeep.core.operations.identity.principals import hash_token
from modelkeep.serve.application import application
from modelkeep.serve.registry import Registry, opened
from modelkeep.settings import Settings
from modelkeep.store import principals, tokens
from modelkeep.tracking.proxy import TrackingProxy

WORKSPACE_ID = "1234567890"
USERS = ("alice@x.io", "bob@x.io", "carol@x.io", "admin@x.io")


class Site:
    """A running server. carol is in the group `team`; admin is an account admin."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = settings.address
        self.tokens = {name: f"dapi-{name}" for name in USERS}
        self.ready = threading.Event()
        self.server: uvicorn.Server | None = None

    async def run(self, listener: socket.socket) -> None:
        async with opened(self.settings) as registry, application(registry) as app:
            self.registry = registry
            await self._make_users(registry)
            self.server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            self.ready.set()
            await self.server.serve(sockets=[listener])

    async def _make_users(self, registry: Registry) -> None:
        async with registry.db.write() as tx:
            team = await principals.insert(tx, "GROUP", "team", "test", 1)
            for name, token in self.tokens.items():
                user = await principals.insert(
                    tx, "USER", name, "test", 1, principals.PrincipalDetails(account_admin=name.startswith("admin"))
                )
                if name.startswith("carol"):
                    await principals.add_member(tx, team, user)
                await tokens.insert(tx, tokens.TokenRow(user.id, hash_token(token), "", "test", 1, None))

    @property
    def proxy(self) -> TrackingProxy:
        """The workspace's inside."""
        return self.registry.engine.services.tracking._open[WORKSPACE_ID][0]._proxy  # pyright: ignore

    @property
    def database(self) -> Path:
        return self.settings.data / "modelkeep.db"

    def client(self, user: str, **headers: str) -> httpx.Client:
        """As one user, over loopback http."""
        headers = {"authorization": f"Bearer {self.tokens[user]}"} | headers
        return httpx.Client(base_url=self.url, headers=headers, timeout=90, verify=False)


@contextmanager
def serving(data: Path, database_url: str = "") -> Iterator[Site]:
    """The site on a free port of the loopback address."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle on: 40 ms a call
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    port = listener.getsockname()[1]
    site = Site(
        Settings(
            data_dir=str(data), database_url=database_url, port=port, workspace_id=WORKSPACE_ID, requests_per_second=0
        )
    )
    mask = os.umask(0o077)
    thread = threading.Thread(target=lambda: asyncio.run(site.run(listener)))
    thread.start()
    try:
        while not site.ready.wait(0.05):
            assert thread.is_alive(), "the server did not start"
        os.umask(mask)  # the server's own mask is not for what other tests share
        yield site
    finally:
        if site.server:
            site.server.should_exit = True
        thread.join(30)
