"""Writes the API's description, as a server of this source tells it, to a file: what the web UI's types are made of.

The file is left alone where it says the same already, so that nothing is built anew for nothing.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec

from modelkeep.api.openapi import document
from modelkeep.serve.application import application
from modelkeep.serve.registry import opened
from modelkeep.settings import Settings


async def description() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=folder, workspace=False)
        async with opened(settings) as registry, application(registry) as app:
            described = document([route for route in app.router.routes if route.path.startswith("/api/")], "")
    return msgspec.json.format(msgspec.json.encode(described), indent=1)


def main(target: Path) -> None:
    text = asyncio.run(description())
    if not target.exists() or target.read_bytes() != text:
        target.write_bytes(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
