"""The command line by itself: help for everything, fast help, completion, version, and settings without their secrets."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from modelkeep.cli import app
from modelkeep.cli.commands import ENTRIES, load
from modelkeep.cli.config import settings_with_source
from modelkeep.domain.errors import BadSetting
from modelkeep.settings import SECRETS, Settings, variable_of

LOCAL = {"serve", "env", "migrate", "check", "admins add", "audit verify", "audit export", "spark-conf"}
"""Commands that do not print an answer of the server as a table: no `--json`"""


def leaves(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its words."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name in children:
        yield from leaves(children[name], f"{path} {name}".strip())


LEAVES = dict(leaves(get_command(app)))


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelkeep", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_and_parameter_has_a_help_line(path: str) -> None:
    command = LEAVES[path]
    assert command.help and command.help.strip()[0].isupper(), path
    missing = [parameter.name for parameter in command.params if not getattr(parameter, "help", "")]
    assert not missing, f"{path}: {missing}"


@pytest.mark.parametrize("path", [path for path in LEAVES if path not in LOCAL])
def test_every_answer_can_be_read_as_json(path: str) -> None:
    assert "--json" in {option for parameter in LEAVES[path].params for option in parameter.opts}, path


def test_lists_of_commands_show_their_help_lines_whole() -> None:
    for name in ("", *(name for name, entry in ENTRIES.items() if hasattr(load(name), "commands"))):
        page = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80"}).output
        assert "..." not in page.partition("ommands:")[2], page


def test_the_table_says_what_a_single_command_says() -> None:
    for name, entry in ENTRIES.items():
        assert load(name).help.startswith(entry.help.rstrip(".")), name


@pytest.mark.parametrize("noun", ["catalogs", "schemas", "models", "prompts", "volumes"])
def test_nouns_have_the_same_verbs(noun: str) -> None:
    verbs = {path.split()[1] for path in LEAVES if path.startswith(f"{noun} ")}
    assert {"list", "get", "create", "update", "delete", "tag", "untag"} <= verbs


@pytest.mark.parametrize("noun", ["users", "service-principals", "groups", "workspaces", "tag-policies"])
def test_nouns_without_tags_have_the_same_verbs(noun: str) -> None:
    verbs = {path.split()[1] for path in LEAVES if path.startswith(f"{noun} ")}
    assert {"list", "get", "create", "delete"} <= verbs
    assert "update" in verbs or noun == "groups"


def test_a_group_can_not_be_deactivated() -> None:
    assert "groups activate" not in LEAVES and "groups deactivate" not in LEAVES
    assert "users activate" in LEAVES and "service-principals deactivate" in LEAVES


SLOW = [
    "rich",
    "httpx",
    "structlog",
    "msgspec",
    "modelkeep.settings",
    "modelkeep.serve",
    "modelkeep.cli.models",
]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["nothing"]])
def test_help_imports_no_command(arguments: list[str]) -> None:
    """What makes `--help` slow is imports. A page of a group imports that group, and neither HTTP nor the server."""
    program = (
        "import sys; from modelkeep.cli import app, run; run(app, sys.argv[1:]); "
        f"print(sorted(set({SLOW}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("group", ["models", "grants", "users", "serve", "audit"])
def test_the_help_of_a_group_imports_no_http_and_no_server(group: str) -> None:
    heavy = ["rich", "httpx", "structlog", "modelkeep.serve", "mlflow"]
    program = (
        "import sys; from modelkeep.cli import app, run; run(app, sys.argv[1:]); "
        f"print(sorted(set({heavy}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, group, "--help"], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


def test_version() -> None:
    done = ran("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "modelkeep")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("modelkeep mod", {"models"}),
        ("modelkeep models del", {"delete", "delete-version"}),
        ("modelkeep service-principals tr", {"trust", "trusted"}),
        ("modelkeep grants list --eff", {"--effective"}),
    ],
)
def test_shells_complete_commands(words: str, expected: set[str]) -> None:
    number = str(len(words.split()) - 1)
    done = ran(_MODELKEEP_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=number)
    assert set(done.stdout.split()) == expected, done.stderr


# --- config show -----------------------------------------------------------------------------------------------------


def row(name: str, environment: dict[str, str], **flags: str) -> dict[str, Any]:
    rows = settings_with_source(environment, **flags)
    return next(row for row in rows if row["setting"] == variable_of(name))


def test_settings_have_value_unit_and_source(tmp_path: Path) -> None:
    assert row("port", {}) == {"setting": "MODELKEEP_PORT", "value": 8080, "unit": "", "source": "default"}
    assert row("port", {"MODELKEEP_PORT": "81"})["source"] == "environment"
    assert row("url_minutes", {"MODELKEEP_URL_MINUTES": "2.5"})["value"] == 2.5
    assert row("url_minutes", {})["unit"] == "minutes"
    assert row("data_dir", {"MODELKEEP_DATA_DIR": "/x"}, data_dir="/y")["source"] == "--data-dir"
    assert {row["setting"] for row in settings_with_source({})} == {variable_of(f) for f in Settings.__struct_fields__}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("by_file", [False, True])
def test_secrets_are_hidden(name: str, by_file: bool, tmp_path: Path) -> None:
    secret, file = "postgresql://u:s3cret@h/d", tmp_path / "secret"
    file.write_text(secret)
    variable = variable_of(name)
    environment = {f"{variable}_FILE": str(file)} if by_file else {variable: secret}
    rows = settings_with_source(environment)
    assert "s3cret" not in str(rows)
    assert row(name, environment)["value"] == "(hidden)"
    assert row(name, environment)["source"] == (f"file {file}" if by_file else "environment")
    assert row(name, {})["value"] == ""


def test_config_show_prints_a_table_and_json() -> None:
    done = ran("config", "show", "--json", MODELKEEP_WORKSPACE="0")
    assert {"setting": "MODELKEEP_WORKSPACE", "value": False, "unit": "", "source": "environment"} in json.loads(
        done.stdout
    )
    table = ran("config", "show", MODELKEEP_AI_KEY="k3y").stdout
    assert "MODELKEEP_AI_KEY" in table and "k3y" not in table and "(hidden)" in table
    wrong = ran("config", "show", MODELKEEP_PORT="0")
    assert wrong.returncode == 5 and "MODELKEEP_PORT" in wrong.stderr


# --- the tracking workspace without MLflow ---------------------------------------------------------------------------


def test_the_workspace_is_off_without_mlflow_unless_somebody_chose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelkeep.cli.server import with_workspace_if_installed

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv("MODELKEEP_WORKSPACE", raising=False)
    settings, lacks_mlflow = with_workspace_if_installed(Settings())
    assert lacks_mlflow and not settings.workspace
    assert with_workspace_if_installed(Settings(workspace=False), chosen=True) == (Settings(workspace=False), False)
    with pytest.raises(BadSetting, match=r"pip install 'modelkeep\[workspace\]'"):
        with_workspace_if_installed(Settings(), chosen=True)
    monkeypatch.setenv("MODELKEEP_WORKSPACE", "1")
    with pytest.raises(BadSetting, match="MODELKEEP_WORKSPACE=0"):
        with_workspace_if_installed(Settings())
