"""Every line of the log is JSON, also a library's, and strangers cannot flood it."""

import json
import subprocess
import sys

import pytest

from modelkeep.limits import LOG_LINES

BEGIN = "from modelkeep.observe.logs import configure; configure(level='info', json=True)\n"
LINES = {
    "uvicorn": "import logging; logging.getLogger('uvicorn.error').warning('Invalid %s request.', 'HTTP')",
    "a child": "import logging; logging.getLogger('modelkeep.tracking').error('ended (see %s)', 'x.log')",
    "a broken format": "import logging; logging.getLogger('x').warning('%d', 'no number')",
    "an exception": "import logging\ntry: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('x').exception('failed')",
    "a warning": "import warnings; warnings.warn('old', UserWarning)",
    "several lines": "import logging; logging.getLogger('x').warning('one\\ntwo\\nthree')",
    "asyncio": "import asyncio\nasync def f():\n  asyncio.get_running_loop().call_soon(lambda: 1 / 0)\n"
    "  await asyncio.sleep(0.05)\nasyncio.run(f())",
    "uvloop": "import asyncio, uvloop\nasync def f():\n  asyncio.get_running_loop().call_soon(lambda: 1 / 0)\n"
    "  await asyncio.sleep(0.05)\nuvloop.run(f())",
}


def lines(code: str) -> list[dict[str, object]]:
    done = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "", done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize("code", LINES.values(), ids=LINES)
def test_what_others_log_is_a_line_of_ours(code: str) -> None:
    (line,) = lines(code)
    assert line["event"] and line["level"] in ("warning", "error") and line["logger"] and line["timestamp"]


@pytest.mark.parametrize(
    "call",
    [
        "logging.getLogger('uvicorn.error').warning('Invalid request %s.', i)",
        "limited(logging.INFO, 'a request was refused before it was read', source=str(i))",
    ],
)
def test_a_flood_is_counted_and_not_written(call: str) -> None:
    code = (
        f"import logging\nfrom modelkeep.observe import logs\nfrom modelkeep.observe.logs import limited\n"
        f"for i in range(1000): {call}\nlogging.getLogger('other').warning('another kind')\n"
        f"logs.LOG_WINDOW_S = 0\nfor i in range(1): {call}\n"
    )
    code = code.replace("for i in range(1): logging", "for i in range(1): logging")
    result = lines(code)
    flood = [line for line in result if line["event"] != "another kind"]
    assert len(result) - len(flood) == 1, "other kinds pass"
    assert len(flood) <= LOG_LINES + 1
