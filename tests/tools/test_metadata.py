"""What a package index shows: addresses that exist, or none, and a page without dead links."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

_HATCH = ["hatchling", "hatchling.metadata", "hatchling.metadata.plugin", "hatchling.metadata.plugin.interface"]
_STUBS = {name: ModuleType(name) for name in _HATCH}
vars(_STUBS[_HATCH[-1]])["MetadataHookInterface"] = object
with patch.dict(sys.modules, _STUBS):  # only builds have hatchling
    metadata = importlib.import_module("metadata")

HOST = "https://git.example.com/team/modelkeep"
TEXT = """# Name

![A page](docs/images/model.png)

See [the guide](docs/guides/start.md), [below](#use), [MLflow](https://mlflow.org).
"""


def test_without_a_repository_nothing_is_claimed() -> None:
    assert metadata.urls("") == {}
    assert metadata.readme(TEXT, "") == "# Name\n\n\nSee the guide, [below](#use), [MLflow](https://mlflow.org).\n"


def test_with_a_repository_everything_leads_there() -> None:
    assert all(url.startswith(HOST) for url in metadata.urls(HOST).values())
    assert set(metadata.urls(HOST)) == {"Homepage", "Documentation", "Source", "Issues", "Changelog"}
    page = metadata.readme(TEXT, HOST)
    assert f"![A page]({HOST}/raw/main/docs/images/model.png)" in page
    assert f"[the guide]({HOST}/blob/main/docs/guides/start.md)" in page
    assert "[below](#use), [MLflow](https://mlflow.org)" in page


@pytest.mark.parametrize(
    ("named", "recorded", "known"),
    [
        ("", "", ""),
        (f"{HOST}/", "", HOST),
        ("", HOST, HOST),
        ("https://other.example.com/m", HOST, "https://other.example.com/m"),
    ],
)
def test_a_source_distribution_keeps_its_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, recorded: str, known: str
) -> None:
    monkeypatch.setenv("RELEASE_REPOSITORY_URL", named)
    if recorded:
        (tmp_path / "PKG-INFO").write_text(f"Name: modelkeep\nProject-URL: Homepage, {recorded}\n")
    assert metadata.repository(tmp_path) == known


def test_the_page_of_this_project_has_no_dead_link() -> None:
    text = (metadata.Path(metadata.__file__).parents[1] / "README.md").read_text()
    for page in (metadata.readme(text, ""), metadata.readme(text, HOST)):
        assert "](docs/" not in page and "](deploy/" not in page and "](examples/" not in page
        assert page.startswith("# Modelkeep\n")
