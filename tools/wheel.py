"""A wheel without the web UI would be half a product: its build refuses until `make ui` has run."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NeedsPages(BuildHookInterface[Any]):
    """Called by hatchling; an editable install, as `make` makes it, builds the pages afterwards."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        pages = Path(self.root) / "src" / "modelkeep" / "web" / "index.html"
        if version != "editable" and self.target_name == "wheel" and not pages.is_file():
            raise RuntimeError("The web UI is not built. Run `make ui`, then build the wheel.")
