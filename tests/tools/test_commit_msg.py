"""The commit-msg hook: which titles it refuses, and that it comes into a repository without doing harm there."""

import os
import shutil
import subprocess
from pathlib import Path

import commit_msg
import pytest

TOOL = Path(commit_msg.__file__)


@pytest.mark.parametrize(
    ("message", "sentences"),
    [
        ("Keep the answer of a retried request", 0),
        ("x" * 72, 0),
        ("x" * 73, 1),
        ("é" * 72, 0),
        ("Rename the router; drop its cache", 1),
        ("Rename the router.", 1),
        ("Rename the router; " + "x" * 60 + ".", 3),
        ("Rename the router\n\nIt had two; now one.", 0),
        ("Rename the router\nand its cache", 1),
        ("# a comment of git's\n\nRename the router\n", 0),
        ("Rename the router\n# " + "x" * 90, 0),
        ("Rename the router\n# ------------------------ >8 ------------------------\n" + "x" * 90, 0),
        ("Merge branch 'a'; branch 'b' of " + "x" * 70, 0),
        ('Revert "Rename the router; drop its cache"', 0),
        ("fixup! " + "x" * 70, 0),
        ("", 0),
    ],
)
def test_a_title_is_one_idea_in_one_short_line(message: str, sentences: int):
    assert len(commit_msg.problems(message)) == sentences


@pytest.fixture(autouse=True)
def plain_git(monkeypatch: pytest.MonkeyPatch):
    """Git as on any machine: without the user's own configuration, or a hook's environment around these tests."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.com")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    top = tmp_path / "repository"
    (top / "tools").mkdir(parents=True)
    shutil.copy(TOOL, top / "tools")
    assert _git(top, "init", "--initial-branch", "main").returncode == 0
    return top


def test_the_hook_holds_in_a_repository_and_in_its_worktrees(repository: Path, tmp_path: Path):
    assert "Installed" in commit_msg.install(repository)
    assert commit_msg.install(repository) == "", "a second time there is nothing to do"
    assert _git(repository, "add", ".").returncode == 0
    refused = _git(repository, "commit", "-m", "Add a tool; add another")
    assert refused.returncode == 1
    assert "semicolon" in refused.stderr
    assert _git(repository, "commit", "-m", "Add a tool").returncode == 0

    worktree = tmp_path / "worktree"
    assert _git(repository, "worktree", "add", str(worktree)).returncode == 0
    assert commit_msg.install(worktree) == "", "worktrees share the hooks"
    assert _git(worktree, "commit", "--allow-empty", "-m", "x" * 73).returncode == 1
    assert _git(worktree, "commit", "--allow-empty", "-m", "x" * 72).returncode == 0


def test_an_older_hook_of_ours_is_replaced(repository: Path):
    commit_msg.install(repository)
    hook = repository / ".git" / "hooks" / "commit-msg"
    current = hook.read_text()
    hook.write_text(current + "# an older line\n")
    assert "Installed" in commit_msg.install(repository)
    assert hook.read_text() == current


def test_a_branch_without_the_tool_is_not_in_the_way(repository: Path):
    commit_msg.install(repository)
    (repository / "tools" / "commit_msg.py").unlink()
    assert _git(repository, "commit", "--allow-empty", "-m", "x" * 90).returncode == 0


@pytest.mark.parametrize("link", [False, True])
def test_a_hook_of_somebody_else_stays(repository: Path, tmp_path: Path, link: bool):
    hook = repository / ".git" / "hooks" / "commit-msg"
    hook.parent.mkdir(exist_ok=True)
    script = tmp_path / "script" if link else hook
    script.write_text("#!/bin/sh\nexit 0\n")
    if link:
        hook.symlink_to(script)
    assert "another commit-msg hook" in commit_msg.install(repository)
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"
    assert hook.is_symlink() == link


def test_a_folder_of_hooks_that_the_user_chose_is_left_alone(repository: Path, tmp_path: Path):
    mine = tmp_path / "hooks"
    mine.mkdir()
    _git(repository, "config", "core.hooksPath", str(mine))
    assert "core.hooksPath" in commit_msg.install(repository)
    assert list(mine.iterdir()) == []


def test_a_folder_that_is_no_repository_gets_nothing(repository: Path, tmp_path: Path):
    assert commit_msg.install(tmp_path) == ""
    nested = repository / "unpacked"  # a source archive inside somebody's repository
    nested.mkdir()
    assert commit_msg.install(nested) == ""
    assert not (repository / ".git" / "hooks" / "commit-msg").exists()
