"""`modelkeep config`: the settings that the server would run with, and where each value comes from."""

import os
import typing
from collections.abc import Mapping

import msgspec

from modelkeep.cli.client import show
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json
from modelkeep.cli.server import DataDir, with_workspace_if_installed
from modelkeep.settings import FROM_FILES, SECRETS, Settings, load, variable_of

app = new_group()
_HIDDEN = "(hidden)"


@app.command("show")
def show_settings(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show all settings with unit and source. Values of secrets are hidden."""
    rows = settings_with_source(os.environ, data_dir=data_dir)
    if not as_json:
        rows = [{**row, "value": _text(row["value"])} for row in rows]
    show(rows, ("setting", "value", "unit", "source"), as_json)


def settings_with_source(environment: Mapping[str, str], *, data_dir: str | None = None) -> list[dict[str, typing.Any]]:
    """All settings: name of the variable, effective value, unit, and source. Raises BadSetting."""
    settings, lacks_mlflow = with_workspace_if_installed(load(environment, data_dir=data_dir))
    flags = {"data_dir": "--data-dir"} if data_dir is not None else {}
    computed = {"workspace": "MLflow is not installed"} if lacks_mlflow else {}
    hints = typing.get_type_hints(Settings, include_extras=True)
    return [
        {
            "setting": variable_of(name),
            "value": _value(name, getattr(settings, name)),
            "unit": _unit(hints[name]),
            "source": flags.get(name) or computed.get(name) or _source(name, environment),
        }
        for name in Settings.__struct_fields__
    ]


def _value(name: str, value: object) -> object:
    return _HIDDEN if name in SECRETS and value else value


def _source(name: str, environment: Mapping[str, str]) -> str:
    variable = variable_of(name)
    if variable in environment:
        return "environment"
    if (file := environment.get(f"{variable}_FILE")) is not None and name in FROM_FILES:
        return f"file {file}"
    return "default"


def _unit(hint: object) -> str:
    """The unit in a setting's bounds, '' if it has none."""
    metas = [meta for meta in typing.get_args(hint)[1:] if isinstance(meta, msgspec.Meta)]
    units = [str(meta.extra["unit"]) for meta in metas if meta.extra and "unit" in meta.extra]
    return units[0] if units else ""


def _text(value: object) -> str:
    """For people: 1 and 0 as the variables take them."""
    return str(int(value)) if isinstance(value, bool) else str(value)
