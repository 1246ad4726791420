"""Pages of the guides, cut into their sections: settings, and lines to run."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from live import Server

GUIDES = Path(__file__).parents[1] / "docs" / "guides"
PAGE = GUIDES / "connect.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def sections(page: Path = PAGE) -> dict[str, str]:
    """Title -> text."""
    _, *parts = re.split(r"^## (.+)$", page.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def run(
    server: Server,
    title: str,
    programs: Path,
    settings: dict[str, str] | None = None,
    page: Path = PAGE,
    before: str = "",
) -> str:
    """What the section's lines print, run in a fresh shell whose first programs are those of this folder. `before`: Python
    that the page's snippets take for granted."""
    return run_text(server, sections(page)[title], programs, settings, before=before)


def run_text(
    server: Server,
    text: str,
    programs: Path,
    settings: dict[str, str] | None = None,
    before: str = "",
    leave_out: str = r"(?!)",
) -> str:
    """What the code blocks of a text print, in one shell. `leave_out`: lines that begin so name what the server here replaces."""
    lines = ["set -e"]
    for language, code in BLOCK.findall(text):
        if language == "python":
            lines.append(f"python - <<'END_OF_SNIPPET'\n{before}{code}END_OF_SNIPPET")
        elif language != "text":
            lines.append(re.sub(rf"^(?:{leave_out}).*\n", "", code, flags=re.MULTILINE))
    environment = server.env() | (settings or {}) | {"PATH": f"{programs}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as cwd:
        done = subprocess.run(
            ["bash", "-c", "\n".join(lines)], env=environment, cwd=cwd, capture_output=True, text=True, timeout=240
        )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-5000:]}"
    return done.stdout
