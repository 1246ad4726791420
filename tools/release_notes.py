"""Prints the section of one version of CHANGELOG.md: the text of a release.

`release_notes.py 1.2.3` exits with 1 where there is no such section, or an empty one. `--check` also compares the version with
those of pyproject.toml and of the chart, so that a tag cannot name another one. Needs nothing but Python.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def section(changelog: str, version: str) -> str:
    """The text below `## VERSION`, or `## VERSION (date)`, up to the next version. Raises ValueError without any."""
    parts = re.split(r"^## +(.+)$", changelog, flags=re.MULTILINE)
    for title, text in zip(parts[1::2], parts[2::2], strict=True):
        if re.split(r"[\s(]", title.strip().strip("[]"), maxsplit=1)[0].rstrip("]").removeprefix("v") == version:
            if not text.strip():
                raise ValueError(f"The section of {version} is empty.")
            return text.strip() + "\n"
    raise ValueError(f"CHANGELOG.md has no section '## {version}'.")


def versions() -> dict[str, str]:
    """The version that each file states."""
    stated: dict[str, str] = {}
    for name, pattern in (
        ("pyproject.toml", r'^version = "([^"]+)"$'),
        ("deploy/helm/modelkeep/Chart.yaml", r"^appVersion: ['\"]?([^'\"\s]+)"),
    ):
        match = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        stated[name] = match[1] if match else "none"
    return stated


def main() -> int:
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    if len(arguments) != 1:
        sys.exit("usage: release_notes.py VERSION [--check]")
    (version,) = arguments
    try:
        text = section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    except ValueError as error:
        sys.exit(str(error))
    others = {name: stated for name, stated in versions().items() if stated != version}
    if "--check" in sys.argv and others:
        sys.exit("; ".join(f"{name} says {stated}, not {version}" for name, stated in others.items()) + ".")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
