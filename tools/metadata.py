"""What a package index shows beside pyproject.toml: the project's addresses, and the README with links that work there.

RELEASE_REPOSITORY_URL names the repository (https://host/owner/name); the release workflow sets it to the repository that it runs in.
Without it the package claims no address, and the README has plain words in the place of links to files.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"!\[([^\]]*)\]\((?!https?://)([^)\s]+)\)\n?")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?://|#)([^)\s]+)\)")
_KNOWN = re.compile(r"^Project-URL: Homepage, (\S+)$", re.MULTILINE)


def repository(root: Path) -> str:
    """The repository's URL, '' for none. A source distribution keeps the one that it was built with."""
    if named := os.environ.get("RELEASE_REPOSITORY_URL", "").rstrip("/"):
        return named
    information = root / "PKG-INFO"
    known = _KNOWN.search(information.read_text()) if information.is_file() else None
    return known[1] if known else ""


def urls(repository: str) -> dict[str, str]:
    """The addresses that an index lists."""
    if not repository:
        return {}
    return {
        "Homepage": repository,
        "Documentation": f"{repository}/tree/main/docs",
        "Source": repository,
        "Issues": f"{repository}/issues",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
    }


def readme(text: str, repository: str) -> str:
    """The README as it can be read away from the repository."""
    if not repository:
        return _LINK.sub(r"\1", _PICTURE.sub("", text))
    return _LINK.sub(rf"[\1]({repository}/blob/main/\2)", _PICTURE.sub(rf"![\1]({repository}/raw/main/\2)\n", text))


class IndexPage(MetadataHookInterface):
    """Called by hatchling for each build."""

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        known = repository(root)
        metadata["urls"] = urls(known)
        text = (root / "README.md").read_text()
        metadata["readme"] = {"content-type": "text/markdown", "text": readme(text, known)}
