"""Presigned URLs of this server: how they are made and, at each use, checked (expiry, MAC, and that their creator still has access)."""

import msgspec

from modelkeep.core.operations.files.files import FileRequest
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import PermissionDenied
from modelkeep.domain.kinds import Kind
from modelkeep.domain.names import FullName
from modelkeep.domain.signed_tokens import Signer
from modelkeep.store import principals
from modelkeep.store.db import Database, now_ms

OBJECTS = "/api/modelkeep/v1/objects"


class ObjectUrl(msgspec.Struct, frozen=True, array_like=True):
    """One method on one file, for one principal: a right to ask, checked anew at each use."""

    method: str
    """GET (which allows HEAD), PUT or DELETE"""
    path: str
    principal_id: str
    token_id: str
    workspace: str
    """The id of the workspace through which the creator requested the URL: its bound catalogs and its runs"""
    name: str = ""
    """catalog.schema.model, or with version 0 catalog.schema.volume; '' for the file of a run, logged model or trace"""
    version: int = 0
    set_id: str = ""
    kind: str = ""
    id: str = ""
    upload_id: str = ""
    part: int = 0


class Urls:
    """Makes and checks the paths of signed URLs."""

    def __init__(self, db: Database, signer: Signer, lifetime_ms: int) -> None:
        self._db = db
        self._signer = signer
        self._lifetime_ms = lifetime_ms

    def make(
        self, actor: Actor, method: str, req: FileRequest, *, set_id: str = "", upload_id: str = "", part: int = 0
    ) -> str:
        """The path of a URL, from `/api/...` on, for what `req` names."""
        url = ObjectUrl(
            method,
            req.path.text,
            actor.id,
            actor.token_id,
            actor.workspace,
            str(req.name) if req.name else "",
            req.version,
            set_id,
            req.kind,
            req.id,
            upload_id,
            part,
        )
        return f"{OBJECTS}/{self._signer.sign(url, now_ms() + self._lifetime_ms)}"

    async def check(self, token: str, method: str, source: str, workspace: str) -> tuple[ObjectUrl, Actor]:
        """What the URL says and who made it. `workspace`: the one that it is used through. Raises PermissionDenied."""
        url = self._signer.verify(token, ObjectUrl)
        if method != url.method and (method, url.method) != ("HEAD", "GET"):
            raise PermissionDenied(f"This URL is for {url.method} only. Ask for one for {method}.")
        if url.workspace != workspace:
            raise PermissionDenied("This URL is of another workspace's address. Use it as it was given.")
        async with self._db.single() as tx:
            actor = await principals.actor_of_id(
                tx, url.principal_id, now_ms(), source, workspace, token_id=url.token_id
            )
        if actor is None:
            raise PermissionDenied("The caller of this URL is signed out by now. Ask for a new one.")
        if not actor.role and not actor.account_admin:
            raise PermissionDenied("The caller of this URL is no longer assigned to its workspace.")
        return url, actor


def full_name(url: ObjectUrl) -> FullName | None:
    return FullName(tuple(url.name.split(".")), Kind.MODEL if url.version else Kind.VOLUME) if url.name else None
