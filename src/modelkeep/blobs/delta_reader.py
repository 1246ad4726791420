"""Reads the log or a few rows of a Delta table, in a process of its own: bounded, and with rights on one folder alone."""

import asyncio
import importlib.util
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from modelkeep import limits
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.domain.errors import Throttled, WrongState
from modelkeep.domain.storage_urls import StorageUrl

EXTRA = "The server reads no Delta tables. Its operator should install the extra: pip install 'modelkeep[tables]'."
_CHILD = str(Path(__file__).with_name("delta_child.py"))
_REFUSALS = {
    "missing": "There is no Delta table at its storage location yet.",
    "outside": "The table's log names files outside of its own folder, so the server does not read it.",
    "unreadable": "The table's log or files could not be read. Read the table with an engine to see why.",
}
_SLOW = "Reading the table took more time or memory than the server spends on a page. Read it with an engine."


class DeltaHistoryEntry(msgspec.Struct, frozen=True):
    """One version of a table, as its writer described it."""

    version: int | None
    timestamp: int | None
    """Epoch ms"""
    operation: str
    mode: str
    user: str
    engine: str
    rows: int | None
    """Written or deleted; None where the writer did not say."""
    bytes: int | None


class DeltaHistory(msgspec.Struct, frozen=True):
    """The newest version, what it holds, and the newest commits."""

    version: int
    files: int
    bytes: int
    rows: int | None
    commits: tuple[DeltaHistoryEntry, ...]


class DeltaSample(msgspec.Struct, frozen=True):
    version: int
    columns: tuple[str, ...]
    hidden_columns: int
    """Further columns, which are left out"""
    rows: tuple[tuple[str | None, ...], ...]
    deletion_vectors: bool
    """The table may have them, so that its files hold deleted rows: no row is read."""


class _Refusal(msgspec.Struct, frozen=True):
    refused: str


class DeltaReader:
    """Runs one process for each read, few at once."""

    def __init__(self, endpoint: str = "", region: str = "") -> None:
        """`endpoint`: of the store, '' for AWS."""
        self._endpoint, self._region = endpoint, region
        self._turns = asyncio.Semaphore(limits.TABLE_READERS)

    async def history(self, url: StorageUrl, root: str, credentials: TemporaryCredentials | None) -> DeltaHistory:
        """`root`: of a folder of this machine, the folder that it must not lead out of. Raises WrongState, Throttled."""
        answer = await self._read("history", url, root, credentials)
        return msgspec.json.decode(answer, type=DeltaHistory)

    async def sample(self, url: StorageUrl, root: str, credentials: TemporaryCredentials | None) -> DeltaSample:
        """As `history`."""
        return msgspec.json.decode(await self._read("sample", url, root, credentials), type=DeltaSample)

    async def _read(
        self, read: Literal["history", "sample"], url: StorageUrl, root: str, credentials: TemporaryCredentials | None
    ) -> bytes:
        if importlib.util.find_spec("deltalake") is None:
            raise WrongState(EXTRA)
        request = {
            "read": read,
            "url": str(url),
            "root": root,
            "options": self._options(credentials),
            "rows": limits.TABLE_HISTORY_COMMITS if read == "history" else limits.TABLE_SAMPLE_ROWS,
            "columns": limits.TABLE_SAMPLE_COLUMNS,
            "cell": limits.TABLE_SAMPLE_CELL_CHARS,
            "characters": limits.TABLE_SAMPLE_CHARS,
            "memory_bytes": limits.TABLE_READER_BYTES,
            "cpu_s": int(limits.TABLE_READER_S),
        }
        try:
            async with asyncio.timeout(limits.TABLE_READER_WAIT_S):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Throttled("The server reads other tables. Try again in a few seconds.", retry_after=5) from error
        try:
            answer = await _run_child(msgspec.json.encode(request))
        finally:
            self._turns.release()
        with suppress(msgspec.ValidationError):
            raise WrongState(_REFUSALS[msgspec.json.decode(answer, type=_Refusal).refused])
        return answer

    def _options(self, credentials: TemporaryCredentials | None) -> dict[str, str]:
        if credentials is None:
            return {}
        options = {
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
            "AWS_SESSION_TOKEN": credentials.session_token,
            "AWS_REGION": self._region or "us-east-1",
        }
        if self._endpoint:
            options["AWS_ENDPOINT_URL"] = self._endpoint
            options["AWS_ALLOW_HTTP"] = "true" if self._endpoint.startswith("http://") else "false"
        return options


async def _run_child(request: bytes) -> bytes:
    """Its answer. Raises WrongState for a process that used up a limit."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        _CHILD,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        limit=limits.TABLE_ANSWER_BYTES,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(limits.TABLE_READER_S):
            process.stdin.write(request)
            process.stdin.write_eof()
            answer = await _read_all(process.stdout)
            code = await process.wait()
    except TimeoutError as error:
        raise WrongState(_SLOW) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0 or not answer or len(answer) > limits.TABLE_ANSWER_BYTES:
        raise WrongState(_SLOW)
    return answer


async def _read_all(stream: asyncio.StreamReader) -> bytes:
    """Up to one byte more than an answer may have."""
    chunks, size = list[bytes](), 0
    while size <= limits.TABLE_ANSWER_BYTES and (chunk := await stream.read(1 << 16)):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)
