"""A small server around the workspace: real database, real tracking server, real identities; files in a folder."""

import asyncio
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import msgspec
import uvicorn

from modelkeep.core.auditor import Auditor
from modelkeep.core.authz import Actor
from modelkeep.core.errors import RegistryError
from modelkeep.store import principals
from modelkeep.store.db import Database, migrate, now_ms
from modelkeep.store.postgres import PostgresDatabase
from modelkeep.store.sqlite import SqliteDatabase
from modelkeep.wire.http import Request
from modelkeep.workspace.artifacts import FileInfo
from modelkeep.workspace.child import TrackingServer
from modelkeep.workspace.desk import KnownModel
from modelkeep.workspace.workspace import Workspace

WORKSPACE_ID = "1234567890"
USERS = ("alice@x.io", "bob@x.io", "carol@x.io", "admin@x.io")


class FolderFiles:
    """Artifact bytes in a folder, moved by URLs that carry the actor's token id in place of a signature."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, kind: str, name: str, path: str) -> Path:
        return self.root / kind / name / path if path else self.root / kind / name

    async def list(self, kind: str, id: str, directory: str) -> list[FileInfo]:
        folder = self.path(kind, id, directory)
        if not folder.is_dir():
            return []
        base = self.path(kind, id, "")
        return [
            FileInfo(str(p.relative_to(base)), p.is_dir(), 0 if p.is_dir() else p.stat().st_size)
            for p in sorted(folder.iterdir())
        ]

    def signed_url(self, actor: Actor, method: str, kind: str, id: str, path: str) -> str:
        return f"/_files/{method}/{kind}/{id}/{quote(path)}"


class Site:
    """The ASGI application and what tests look at behind it."""

    def __init__(self, data: Path, database_url: str = "") -> None:
        self.db: Database = (
            SqliteDatabase(data / "modelkeep.db") if not database_url else PostgresDatabase(database_url)
        )
        self.child = TrackingServer(data, database_url)
        self.files = FolderFiles(data / "files")
        self.known: dict[tuple[str, str], KnownModel] = {}
        self.tokens: dict[str, str] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.url = ""

    async def open(self) -> None:
        await self.db.open()
        await migrate(self.db)
        await self.child.start()
        self.auditor = Auditor(self.db)
        self.workspace = Workspace(self.db, self.child, self.files, self.auditor, self.resolve, WORKSPACE_ID)
        async with self.db.write() as tx:
            await principals.insert(tx, "GROUP", principals.ACCOUNT_USERS, "test", 1)
            team = await principals.insert(tx, "GROUP", "team", "test", 1)
            for name in USERS:
                user = await principals.insert(tx, "USER", name, "test", 1, account_admin=name.startswith("admin"))
                if name.startswith("carol"):
                    await principals.add_member(tx, team, user)
                self.tokens[name] = f"dapi-{name}"
                digest = hashlib.sha256(self.tokens[name].encode()).hexdigest()
                await principals.insert_token(tx, user.id, digest, "", "test", 1, None)

    async def close(self) -> None:
        await self.child.stop()
        await self.db.close()

    async def resolve(self, actor: Actor, model_id: str) -> KnownModel | None:
        return self.known.get((actor.name, model_id))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await self.open()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        request = Request(scope, receive, "test")
        status, headers, body = await self._answer(request)
        self.calls.append((request.method, request.path, status))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, request: Request) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if request.path == "/.well-known/databricks-config":
            return 200, [(b"content-type", b"application/json")], b'{"workspace_id":"1234567890"}'
        if request.path.startswith("/_files/"):
            return await self._file(request)
        bearer = request.header(b"authorization").removeprefix("Bearer ")
        async with self.db.read() as tx:
            actor = await principals.actor_of_token(
                tx, hashlib.sha256(bearer.encode()).hexdigest(), now_ms(), "127.0.0.1"
            )
        if isinstance(actor, str):
            return 401, [], msgspec.json.encode({"error_code": "UNAUTHENTICATED", "message": actor})
        if request.path.startswith("/api/2.0/fs/"):
            return await self._files_api(request, actor)
        response = await self.workspace.handle(request, actor)
        if response is None:
            body = {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No such endpoint: {request.path}"}
            return 404, [(b"content-type", b"application/json")], msgspec.json.encode(body)
        assert isinstance(response.body, bytes)
        return response.status, response.headers, response.body

    async def _files_api(self, request: Request, actor: Actor) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """As much of the Files API as artifact repositories ask of it."""
        _, _, _, _, what, rest = request.path.split("/", 5)
        try:
            place = await self.workspace.internal(actor, "/" + rest, write=request.method == "PUT")
        except RegistryError as error:
            return error.status, [], msgspec.json.encode({"error_code": error.code, "message": error.message})
        if place is None:
            return 404, [], b'{"error_code":"NOT_FOUND","message":"none"}'
        file = self.files.path(place.kind, place.id, place.path)
        if what == "files" and request.method == "PUT":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(await request.body(64 << 20))
            return 204, [], b""
        if what == "files" and file.is_file():
            return 200, [(b"content-length", str(file.stat().st_size).encode())], file.read_bytes()
        if what == "directories" and file.is_dir():
            entries = [
                {"path": f"/{rest.rstrip('/')}/{p.name}", "name": p.name, "is_directory": p.is_dir()}
                | ({} if p.is_dir() else {"file_size": p.stat().st_size})
                for p in sorted(file.iterdir())
            ]
            return 200, [(b"content-type", b"application/json")], msgspec.json.encode({"contents": entries})
        return 404, [], b'{"error_code":"NOT_FOUND","message":"none"}'

    async def _file(self, request: Request) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        _, _, method, kind, name, path = request.raw_path.decode().split("/", 5)
        file = self.files.path(kind, name, unquote(path))
        if method != request.method:
            return 403, [], b""
        if method == "PUT":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(await request.body(64 << 20))
            return 200, [], b""
        if not file.is_file():
            return 404, [], b""
        if method == "DELETE":
            file.unlink()
            return 200, [], b""
        return 200, [(b"content-length", str(file.stat().st_size).encode())], file.read_bytes()

    def client(self, user: str, **headers: str) -> httpx.Client:
        """As one user."""
        headers = {"authorization": f"Bearer {self.tokens[user]}"} | headers
        return httpx.Client(base_url=self.url, headers=headers, timeout=90, verify=False)  # loopback http


@contextmanager
def serving(data: Path, database_url: str = "") -> Iterator[Site]:
    """The site on a free port of the loopback address, in a thread of its own."""
    site = Site(data, database_url)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    site.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(site, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.05)
        yield site
    finally:
        server.should_exit = True
        thread.join(30)
