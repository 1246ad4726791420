"""What runs inside a model's process: MLflow's own scoring server over one version's files, on a socket that our process owns.

The environment may be the model's own, without this package, so this file is run by its path and imports nothing of ours but the
sandbox, by its path, too. Model code is untrusted: before the model is loaded, the process gives up what it does not need
(`tracking/sandbox.py`), and it has limits of memory, files and descriptors.

Started by `serving/scoring_server.py` as `python scoring_process.py FD DATA_DIR MEMORY FILE_BYTES DESCRIPTORS`, in its own folder, with
standard input a pipe that our process keeps open: when that closes, this process ends.
"""

import ctypes
import importlib.util
import math
import os
import resource
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, cast

_PR_SET_PDEATHSIG = 1
_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc",
    "/dev",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    *(f"/proc/{name}" for name in ("self", "cpuinfo", "meminfo", "stat", "filesystems", "version", "sys")),
)
"""What the interpreter and native libraries read outside of the environment. Of /proc no process but this one: the environment of
ours may hold secrets."""


def die_with_parent() -> None:
    """End when our process does, whatever ends it: the kernel sees to it on Linux, the closed pipe elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def limit(memory: int, file_bytes: int, descriptors: int) -> None:
    """`memory` and `file_bytes`: bytes."""
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, descriptors),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def finite(value: Any) -> Any:
    """The same without NaN and infinities, which JSON does not have: null, as pandas writes them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in cast("list[Any]", value)]
    return value


def answer_in_json(scoring_server: Any) -> None:
    """Let MLflow's scoring server write JSON where a prediction is NaN or infinite; it writes the bare word NaN."""
    import json

    for name in ("predictions_to_json", "unwrapped_predictions_to_json"):
        write = getattr(scoring_server, name)

        def written(raw: Any, output: Any, *args: Any, write: Any = write, **named: Any) -> Any:
            import io

            text = io.StringIO()
            write(raw, text, *args, **named)
            document = text.getvalue()
            if "NaN" in document or "Infinity" in document:
                document = json.dumps(finite(json.loads(document)), allow_nan=False)
            output.write(document)

        setattr(scoring_server, name, written)


def sandbox() -> Any:
    path = Path(__file__).resolve().parents[1] / "tracking" / "sandbox.py"
    spec = importlib.util.spec_from_file_location("_modelkeep_sandbox", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Serve until our process goes away. Ends with a traceback on standard error where the model does not load."""
    die_with_parent()
    os.setpriority(os.PRIO_PROCESS, 0, 5)
    limit(*map(int, sys.argv[3:6]))
    listener = socket.socket(fileno=int(sys.argv[1]))
    import uvicorn
    from mlflow.pyfunc import scoring_server

    answer_in_json(scoring_server)
    folder = Path.cwd()
    readable = [Path(path) for path in (sys.prefix, sys.base_prefix, *sys.path, *_SYSTEM) if path]
    sandbox().confine(folder, hidden=Path(sys.argv[2]), readable=readable)
    # Loads the model: MLflow's own entry, so that requests mean here what they mean to `mlflow models serve`.
    os.environ[scoring_server._SERVER_MODEL_PATH] = str(folder / "model")  # pyright: ignore[reportPrivateUsage]
    from mlflow.pyfunc.scoring_server.app import app

    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_keep_alive=75)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
