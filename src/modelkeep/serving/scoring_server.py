"""One version of a model in a process of its own: started, watched, started again with growing pauses, drained and stopped.

The process runs MLflow's scoring server (`scoring_process.py`) on a socket that we made. It sees nothing of our environment but what
any program needs, ends with us, and is killed with all that it started.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from modelkeep.domain.errors import RegistryError, Throttled
from modelkeep.limits import (
    SERVING_DESCRIPTORS,
    SERVING_DRAIN_S,
    SERVING_FILE_BYTES,
    SERVING_LOAD_S,
    SERVING_LOG_BYTES,
    SERVING_MEMORY_BYTES,
    SERVING_PREDICT_S,
    SERVING_QUEUE_FACTOR,
    SERVING_STOP_S,
)
from modelkeep.serving.connections import Connections, ProcessGone
from modelkeep.serving.environments import BuildFailed, Environment, last_lines

State = Literal["starting", "ready", "recovering", "failed", "stopped"]
Prepare = Callable[[Path], Awaitable[Environment]]
"""Writes the model's files below a folder, and gets its environment. Raises RegistryError."""

_PAUSES_S = (0.5, 1, 2, 5, 10, 30, 60)
_HEALTHY_S = 60.0  # alive this long, the pauses begin anew
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
_PROGRAM = Path(__file__).with_name("scoring_process.py")

log = logging.getLogger("modelkeep.serving")


class ScoringServer:
    """`folder`: its own, made at the start and removed at the end. `hidden`: what it may not read besides."""

    def __init__(
        self,
        folder: Path,
        hidden: Path,
        prepare: Prepare,
        changed: Callable[[], None],
        *,
        concurrency: int,
        environment: dict[str, str],
    ) -> None:
        self.folder = folder
        self.state: State = "starting"
        self.reason = ""
        """Why it is not ready, for people"""
        self.build_log = ""
        self.persistent = False
        """It serves: a process that does not load is started again."""
        self.in_flight = 0
        self.used_at = asyncio.get_running_loop().time()
        self._hidden = hidden
        self._prepare = prepare
        self._changed = changed
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._variables = environment
        self._idle = asyncio.Event()
        self._idle.set()
        self._log = bytearray()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._sockets: tempfile.TemporaryDirectory[str] | None = None
        self.connections: Connections

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def log_text(self) -> str:
        """The end of what the process wrote."""
        return self._log.decode("utf-8", "replace")

    @property
    def crash_looping(self) -> bool:
        """It does not come back soon."""
        return self.state == "failed" or (self.state == "recovering" and self._failures > 2)

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End the process and remove its folder."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.state = "stopped"
        if self._sockets:
            self._sockets.cleanup()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)

    async def retire(self) -> None:
        """Stop once no query is at work, or SERVING_DRAIN_S later."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SERVING_DRAIN_S):
                await self._idle.wait()
        await self.stop()

    async def enter(self) -> None:
        """Wait for a place among the queries at work; `leave` ends it. Raises Throttled."""
        if self.in_flight >= self._concurrency * SERVING_QUEUE_FACTOR:
            raise Throttled("Too many queries wait for this served model. Send fewer at once.", retry_after=1)
        self.in_flight += 1
        self._idle.clear()
        try:
            await self._slots.acquire()
        except BaseException:
            self._left()
            raise

    def leave(self) -> None:
        self._left()
        self._slots.release()
        self.used_at = asyncio.get_running_loop().time()

    def _left(self) -> None:
        self.in_flight -= 1
        if not self.in_flight:
            self._idle.set()

    def _becomes(self, state: State, reason: str = "") -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._changed()

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._run()
            except RegistryError as error:
                if isinstance(error, BuildFailed):
                    self.build_log = error.log
                reason = error.message
            except OSError as error:
                reason = f"The model's process cannot be started ({error.strerror})."
            else:
                reason = self._end_of_process()
            if not self.persistent and self.state == "starting":
                self._becomes("failed", reason)
                return
            self._failures = 0 if loop.time() - began > _HEALTHY_S else self._failures + 1
            pause = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
            log.warning("a model's process ended; starting it again in %s s", pause)
            self._becomes("recovering", reason)
            await asyncio.sleep(pause)

    async def _run(self) -> None:
        """One process from its start to its end."""
        await asyncio.to_thread(self._make_folder)
        environment = await self._prepare(self.folder / "model")
        self.build_log = environment.log
        listener = self._listener()
        try:
            process = await self._spawn(environment, listener)
        finally:
            listener.close()  # the process has it, so a process that ended takes no more connections
        self._process = process
        reader = asyncio.create_task(self._read_log(process))
        ended = asyncio.create_task(process.wait())
        try:
            await self._until_loaded(ended)
            if not ended.done():
                self._becomes("ready")
                await ended
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(reader), 1)
        finally:
            self.connections.close()
            await _end(process)
            for task in (reader, ended):
                task.cancel()

    def _make_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "tmp").mkdir(parents=True, mode=0o700)

    def _listener(self) -> socket.socket:
        """In a folder with a short name: the kernel takes 108 bytes."""
        if self._sockets is None:
            self._sockets = tempfile.TemporaryDirectory(prefix="modelkeep-")
        path = Path(self._sockets.name) / "s"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(1024)
        self.connections = Connections(path)
        return listener

    async def _spawn(self, environment: Environment, listener: socket.socket) -> asyncio.subprocess.Process:
        limits = (SERVING_MEMORY_BYTES, SERVING_FILE_BYTES, SERVING_DESCRIPTORS)
        descriptor = listener.fileno()
        return await asyncio.create_subprocess_exec(
            str(environment.python),
            "-P",
            str(_PROGRAM),
            str(descriptor),
            str(self._hidden),
            *map(str, limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.folder,
            env=self._environment(),
            pass_fds=[descriptor],
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        temporary = str(self.folder / "tmp")
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            **passed,
            **self._variables,
            "HOME": temporary,
            "TMPDIR": temporary,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": str(int(SERVING_PREDICT_S)),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while data := await process.stdout.read(64 << 10):
            self._log += data
            if len(self._log) > SERVING_LOG_BYTES:
                del self._log[: -SERVING_LOG_BYTES // 2]

    async def _until_loaded(self, ended: "asyncio.Task[int]") -> None:
        """Raises LoadTimeout; returns where the process answers, or has ended."""
        ping = asyncio.create_task(self._answers())
        try:
            done, _ = await asyncio.wait({ended, ping}, timeout=SERVING_LOAD_S, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise LoadTimeout(f"The model did not load within {SERVING_LOAD_S:.0f} s.")
            if not ended.done() and not ping.result():
                with contextlib.suppress(TimeoutError):  # it closed the connection: it is about to end
                    await asyncio.wait_for(asyncio.shield(ended), SERVING_STOP_S)
        finally:
            ping.cancel()

    async def _answers(self) -> bool:
        """Waits in the socket's queue while the process loads the model."""
        try:
            return await self.connections.get("/ping") == 200
        except ProcessGone:
            return False

    def _end_of_process(self) -> str:
        code = self._process.returncode if self._process else None
        cause = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"code {code}"
        words = last_lines(self.log_text)
        return f"The model's process ended with {cause}. {words}".strip()


class LoadTimeout(RegistryError):
    """The model does not load in time."""

    code, status = "INVALID_STATE", 400


async def _end(process: asyncio.subprocess.Process) -> None:
    """The process and all of its session."""
    if process.returncode is None:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), SERVING_STOP_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
