"""A wheel without the web UI, or without the licences of what the UI contains, is incomplete: its build refuses until `make ui` has run."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NEEDED = ("index.html", "pages.json", "THIRD-PARTY-NOTICES.txt")


class NeedsPages(BuildHookInterface[Any]):
    """Called by hatchling; an editable install, as `make` does it, builds the pages afterwards."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        web = Path(self.root) / "src" / "modelkeep" / "web"
        if version != "editable" and any(not (web / name).is_file() for name in NEEDED):
            raise RuntimeError("The web UI is not built. Run `make ui`, then build again.")
