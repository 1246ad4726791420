"""The files of runs, logged models and traces, as the workspace's own routes need them: listings and signed URLs."""

from collections.abc import AsyncIterator

from modelkeep.api.files.presigned_urls import Urls
from modelkeep.core.engine import Engine
from modelkeep.core.operations.files.files import FileRequest, WriteFile
from modelkeep.domain.authorization import Actor
from modelkeep.domain.paths import ArtifactPath
from modelkeep.store import directories, files
from modelkeep.tracking.artifacts import FileInfo

_PAGE = 1000


class RunArtifacts:
    """Implements workspace.artifacts.ArtifactFiles. Its callers ask for permission; each use of a URL asks again."""

    def __init__(self, engine: Engine, urls: Urls, workspace_id: str) -> None:
        self._engine = engine
        self._db = engine.db
        self._workspace = workspace_id
        self._urls = urls

    async def list(self, kind: str, id: str, directory: str) -> list[FileInfo]:
        """The entries directly in the directory ('' is the root); empty where there is no such directory."""
        path, infos, page_token = ArtifactPath.parse(directory), list[FileInfo](), ""
        async with self._db.read() as tx:
            artifacts = await files.set_of(tx, files.tracked_key(self._workspace, kind, id))
            while artifacts is not None:
                entries, page_token = await directories.children(tx, artifacts.id, path.text, page_token, _PAGE)
                prefix = f"{path}/" if path.text else ""
                infos += [FileInfo(prefix + entry.name, entry.is_directory, entry.size) for entry in entries]
                if not page_token:
                    break
        return infos

    async def write(self, actor: Actor, request_id: str, kind: str, id: str, path: str, data: bytes) -> None:
        """Put one file there, in the place of an older one. Raises what an upload of it raises."""

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        request = WriteFile(path=ArtifactPath.file(path), kind=kind, id=id)
        await self._engine.execute(actor, request, request_id=request_id, body=chunks())

    def signed_url(self, actor: Actor, method: str, kind: str, id: str, path: str) -> str:
        """From `/` on, for one GET, PUT or DELETE of one file. Raises InvalidArgument."""
        return self._urls.make(actor, method, FileRequest(path=ArtifactPath.file(path), kind=kind, id=id))
