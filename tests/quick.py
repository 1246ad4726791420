"""`modelkeep`, and `python -` with databricks-sdk, for pages that call them fifty times: loaded once, in a fork for each call.

`with quick(folder) as programs:` puts both into a folder for the front of PATH. Python takes seconds to load them, and milliseconds
to fork. Nothing else differs: arguments, environment, folder, input, output and exit code are the caller's.
"""

import array
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CALLER = """#!{python} -IS
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    told = json.dumps([{name!r}, sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    door.sendmsg([len(told).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    door.sendall(told)
    sys.exit(door.recv(1)[0])
"""


@contextlib.contextmanager
def quick(folder: Path) -> Iterator[Path]:
    door, programs = folder / "door", folder / "programs"
    programs.mkdir()
    for name in ("modelkeep", "python"):
        caller = programs / name
        caller.write_text(_CALLER.format(python=sys.executable, door=str(door), name=name))
        caller.chmod(0o755)
    process = subprocess.Popen([sys.executable, __file__, str(door)])
    try:
        deadline = time.monotonic() + 60
        while not door.exists():
            assert process.poll() is None and time.monotonic() < deadline, "the command line does not load"
            time.sleep(0.05)
        yield programs
    finally:
        process.terminate()
        process.wait(10)


def _serve(door: str) -> None:
    import databricks.sdk.service.iam
    import databricks.sdk.service.sql
    import httpx
    from typer.main import get_command

    from modelkeep.cli import app
    from modelkeep.cli.commands import ENTRIES, load

    command = get_command(app)
    assert databricks.sdk and [load(name) for name in ENTRIES]
    httpx.Client().close()  # loads what the first one loads
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(door)
        listener.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(connection, command)
            connection.close()


def _answer(connection: socket.socket, command: Any) -> None:
    """In the fork: become the caller, do as modelkeep.cli.main does, and tell how it ended."""
    from modelkeep.cli import run

    size, rights, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    text = b""
    while len(text) < int.from_bytes(size, "big"):
        text += connection.recv(65536)
    program, arguments, environment, place = json.loads(text)
    for number, value in enumerate(array.array("i", rights[0][2])):
        os.dup2(value, number)
        os.close(value)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    code = 0
    try:
        if program == "modelkeep":
            code = run(command, arguments)
        else:
            assert arguments == ["-"]
            exec(compile(sys.stdin.read(), "<stdin>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
