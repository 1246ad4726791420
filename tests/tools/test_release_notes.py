"""The text of a release is the changelog's section of its version, and nothing of the others."""

from pathlib import Path

import pytest
import release_notes

CHANGELOG = """\
# Changelog

## Unreleased

- not yet

## 1.10.0 (2026-12-24)

- ten

### Upgrade

Run `modelkeep migrate`.

## [1.1.0]

- one

## 1.0.0
"""


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("Unreleased", "- not yet\n"),
        ("1.10.0", "- ten\n\n### Upgrade\n\nRun `modelkeep migrate`.\n"),
        ("1.1.0", "- one\n"),
    ],
)
def test_a_section_ends_where_the_next_version_begins(version: str, text: str):
    assert release_notes.section(CHANGELOG, version) == text


@pytest.mark.parametrize("version", ["1.1", "1.10", "10.0", "2.0.0", "1.0.0", ""])
def test_a_version_without_text_is_refused(version: str):
    with pytest.raises(ValueError, match="section"):
        release_notes.section(CHANGELOG, version)


def test_the_projects_changelog_has_sections():
    assert release_notes.section((release_notes.ROOT / "CHANGELOG.md").read_text(), "Unreleased")


def test_package_and_chart_have_one_version():
    assert len(set(release_notes.versions().values())) == 1


@pytest.mark.parametrize("arguments", [[], ["1.0.0", "2.0.0"], ["0.0.1"]])
def test_a_wrong_call_ends_with_an_error(monkeypatch: pytest.MonkeyPatch, arguments: list[str]):
    monkeypatch.setattr("sys.argv", ["release_notes.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        release_notes.main()
    assert isinstance(ended.value.code, str), "which Python prints, and exits with 1"


def test_a_tag_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in release_notes.versions():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((release_notes.ROOT / name).read_text())
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    monkeypatch.setattr(release_notes, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["release_notes.py", "1.10.0", "--check"])
    with pytest.raises(SystemExit, match=r"pyproject\.toml says"):
        release_notes.main()
