"""What the title of a commit may be. `make check` installs this as git's hook `commit-msg`.

A title is one idea in at most 72 characters, which every tool shows whole. A semicolon joins two ideas.
"""

import os
import subprocess
import sys
from pathlib import Path

MAX_TITLE = 72  # characters
_MADE_BY_GIT = ("Merge ", 'Revert "', "fixup! ", "squash! ", "amend! ")
_SCISSORS = "# ------------------------ >8 ------------------------"
_MARK = "# Installed by tools/commit_msg.py."
_HOOK = f"""\
#!/bin/sh
{_MARK}
# Git runs this at the top of the working tree. A branch without the tool has nothing to check.
[ -f tools/commit_msg.py ] || exit 0
for python in .venv/bin/python python3 python; do
    if command -v "$python" >/dev/null 2>&1; then exec "$python" tools/commit_msg.py "$1"; fi
done
"""


def problems(message: str) -> list[str]:
    """What is wrong with a commit message, a sentence each."""
    lines = message.partition(_SCISSORS)[0].splitlines()
    lines = [line.rstrip() for line in lines if not line.startswith("#")]
    while lines and not lines[0]:
        lines.pop(0)
    if not lines or lines[0].startswith(_MADE_BY_GIT):
        return []  # git itself refuses an empty message
    title = lines[0]
    sentences: list[str] = []
    if len(title) > MAX_TITLE:
        sentences.append(f"The title has {len(title)} characters, at most {MAX_TITLE} are allowed.")
    if ";" in title:
        sentences.append("The title has a semicolon. Write one idea, or make two commits.")
    if title.endswith("."):
        sentences.append("The title ends in a period. Leave it out.")
    if len(lines) > 1 and lines[1]:
        sentences.append("The second line is not empty. Leave a blank line between title and body.")
    return sentences


def install(top: Path) -> str:
    """Installs the hook for the repository around `top` and says what was done, in one sentence or none.

    A hook of somebody else stays, and a repository that takes its hooks from a folder of the user's keeps that one.
    """
    root = _git(top, "rev-parse", "--show-toplevel")
    hooks = _git(top, "rev-parse", "--git-path", "hooks")
    if root is None or hooks is None or Path(root).resolve() != top.resolve():
        return ""
    if _git(top, "config", "core.hooksPath"):
        return "core.hooksPath is set: the commit-msg hook is not installed."
    hook = top / hooks / "commit-msg"
    try:
        if hook.is_symlink() or (hook.exists() and _MARK not in hook.read_text(errors="replace")):
            return f"There is another commit-msg hook: {hook}. Let it call tools/commit_msg.py."
        if hook.exists() and hook.read_text() == _HOOK and os.access(hook, os.X_OK):
            return ""
        hook.parent.mkdir(parents=True, exist_ok=True)
        draft = hook.with_name(f"commit-msg.{os.getpid()}")
        draft.write_text(_HOOK)
        draft.chmod(0o755)
        draft.replace(hook)
    except OSError as error:
        return f"The commit-msg hook is not installed: {error}."
    return f"Installed {hook}."


def _git(top: Path, *arguments: str) -> str | None:
    """Git's answer, or None without git, without a repository, or without a value."""
    try:
        process = subprocess.run(["git", "-C", str(top), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return process.stdout.strip() if process.returncode == 0 else None


def main() -> int:
    """`commit_msg.py FILE` checks a message, as git calls it. `commit_msg.py --install` installs the hook."""
    if sys.argv[1:] == ["--install"]:
        sentence = install(Path(__file__).resolve().parents[1])
        sys.stdout.write(f"{sentence}\n" if sentence else "")
        return 0
    sentences = problems(Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace"))
    sys.stderr.writelines(f"commit-msg: {sentence}\n" for sentence in sentences)
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
