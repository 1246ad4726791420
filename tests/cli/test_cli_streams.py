"""What a command writes to standard output is its result: scripts evaluate it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_COMMANDS = ("env", "migrate", "admins")


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_logged_line_goes_to_standard_error(command: str, tmp_path: Path):
    """The database is upgraded by the command itself, which logs each step."""
    program = (
        "import sys, modelkeep.cli as cli\n"
        "from modelkeep.store import db\n"
        "from modelkeep.observe.logs import log\n"
        "real = db.migrate\n"
        "async def migrate(database):\n"
        "    names = await real(database)\n"
        "    log.warning('a line that is logged')\n"
        "    return names\n"
        "import modelkeep.serve as serve\n"
        "serve.migrate = db.migrate = migrate\n"
        "sys.argv = ['modelkeep', *sys.argv[1:]]\n"
        "cli.main()\n"
    )
    env = {**os.environ, "MODELKEEP_DATA_DIR": str(tmp_path)}
    if command != "migrate":
        subprocess.run([sys.executable, "-c", program, "migrate"], env=env, check=True, capture_output=True)
    arguments = ["admins", "add", "kim"] if command == "admins" else [command]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=env, check=True, capture_output=True, text=True
    )
    assert "a line that is logged" in done.stderr
    assert "logged" not in done.stdout
