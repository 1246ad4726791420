"""The command line against a real server: every noun from creation to deletion, files up and down, exit codes of refusals."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from api.filing import MLMODEL
from api.serving import Site, site
from click.testing import Result
from typer.testing import CliRunner

from modelkeep.cli import app, client, exits, model_files
from modelkeep.domain.errors import BadSetting, InvalidArgument, NotFound, Unavailable

__all__ = ["site"]


class Cli:
    """The command line, signed in as the admin."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def run(self, *words: str, token: str = "") -> Result:
        environment = {"DATABRICKS_HOST": self.site.host, "DATABRICKS_TOKEN": token or self.site.admin}
        return CliRunner().invoke(app, list(words), env=environment)

    def text(self, *words: str) -> str:
        """Standard output of a command that succeeds."""
        done = self.run(*words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.text(*words, "--json"))


@pytest.fixture
def cli(site: Site) -> Cli:
    return Cli(site)


@pytest.fixture
def schema(site: Site) -> str:
    return site.schema()


def keys(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags}


def tags_of(cli: Cli, kind: str, name: str) -> dict[str, str]:
    """Governed tags, as Unity Catalog lists them."""
    path = f"/api/2.1/unity-catalog/entity-tag-assignments/{kind}/{name}/tags"
    rows = cli.site.ok("GET", path).get("tag_assignments", [])
    return {row["tag_key"]: row["tag_value"] for row in rows}


# --- one noun after the other ----------------------------------------------------------------------------------------


def test_a_catalog_and_a_schema(cli: Cli) -> None:
    owner, _ = cli.site.user()
    catalog = f"c_{uuid.uuid4().hex[:8]}"
    for noun, name, kind in (("catalogs", catalog, "catalogs"), ("schemas", f"{catalog}.team", "schemas")):
        assert cli.json(noun, "create", name, "--comment", "first")["comment"] == "first"
        assert name in cli.text(noun, "list", *([catalog] if noun == "schemas" else []))
        assert cli.json(noun, "get", name)["owner"] == "admin"
        assert cli.json(noun, "update", name, "--comment", "second")["comment"] == "second"
        assert cli.text(noun, "tag", name, "tier=gold", "checked") == ""
        assert tags_of(cli, kind, name) == {"tier": "gold", "checked": ""}
        cli.json(noun, "untag", name, "tier")
        assert tags_of(cli, kind, name) == {"checked": ""}
        assert cli.run(noun, "update", name).exit_code == exits.USAGE
        assert cli.json(noun, "update", name, "--owner", owner)["owner"] == owner
    assert cli.run("catalogs", "delete", catalog).exit_code == exits.CONFLICT
    assert cli.json("catalogs", "delete", catalog, "--force") == {}
    assert cli.run("catalogs", "get", catalog).exit_code == exits.NOT_FOUND
    assert cli.run("schemas", "create", "noschema").exit_code == exits.USAGE


def test_a_model_and_its_versions(cli: Cli, schema: str, tmp_path: Path) -> None:
    name, folder = f"{schema}.iris", tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_bytes(MLMODEL)
    (folder / "data" / "weights ü.bin").write_bytes(b"weights" * 1000)
    (folder / "empty").write_bytes(b"")
    version = cli.json("models", "register", name, "--folder", str(folder), "--comment", "one")
    assert (version["version"], version["status"], version["comment"]) == (1, "READY", "one")
    assert cli.json("models", "register", name, "--folder", str(folder))["version"] == 2
    assert {file["path"] for file in cli.json("models", "files", name, "1")} == {
        "MLmodel",
        "data/weights ü.bin",
        "empty",
    }
    target = tmp_path / "down"
    cli.text("models", "download", name, "1", str(target))
    assert (target / "data" / "weights ü.bin").read_bytes() == b"weights" * 1000
    assert sorted(p.name for p in target.rglob("*") if p.is_file()) == ["MLmodel", "empty", "weights ü.bin"]

    assert cli.json("models", "update", name, "--comment", "flowers")["comment"] == "flowers"
    cli.text("models", "tag", name, "task=classification")
    assert keys(cli.json("models", "get", name)["tags"]) == {"task": "classification"}
    cli.text("models", "untag", name, "task")
    cli.text("models", "alias", name, "champion", "2")
    cli.text("models", "tag-version", name, "2", "approved=yes", "by=ann")
    cli.text("models", "untag-version", name, "2", "by")
    version = cli.json("models", "get-version", name, "2")
    assert (version["aliases"], keys(version["tags"])) == (["champion"], {"approved": "yes"})
    assert cli.json("models", "update-version", name, "2", "--comment", "better")["comment"] == "better"
    cli.text("models", "unalias", name, "champion")
    assert cli.json("models", "get-version", name, "2")["aliases"] == []
    assert cli.json("models", "delete-version", name, "2") == {}
    assert [row["version"] for row in cli.json("models", "versions", name)] == ["1"]
    assert cli.json("models", "rename", name, "flower")["full_name"] == f"{schema}.flower"
    assert cli.run("models", "get", name).exit_code == exits.NOT_FOUND
    assert cli.json("models", "copy", f"{schema}.flower", "1", f"{schema}.copy")["version"] == 1
    assert f"{schema}.copy" in {row["full_name"] for row in cli.json("search", "copy", "--kinds", "MODEL")}
    cli.text("models", "delete", f"{schema}.flower")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--run", "r"],
        ["--run", "r", "--path", "model", "--model-id", "m-1"],
        ["--folder", "."],
        ["--folder", ".", "--run", "r", "--path", "model"],
        ["--path", "model"],
    ],
)
def test_registering_needs_one_source(cli: Cli, schema: str, words: list[str], tmp_path: Path) -> None:
    words = [str(tmp_path) if word == "." else word for word in words]
    done = cli.run("models", "register", f"{schema}.iris", *words)
    assert done.exit_code == exits.USAGE or "There is no file MLmodel" in str(done.exception), done.output


def test_a_failed_upload_leaves_no_version(
    cli: Cli, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "MLmodel").write_bytes(MLMODEL)
    (tmp_path / "weights").write_bytes(b"1")
    upload: Callable[[str, Path], None] = model_files._upload  # pyright: ignore[reportPrivateUsage]

    def cut(url: str, path: Path) -> None:
        if path.name == "weights":
            raise client.Unreachable("gone")
        upload(url, path)

    monkeypatch.setattr(model_files, "_upload", cut)
    done = cli.run("models", "register", f"{schema}.iris", "--folder", str(tmp_path))
    assert isinstance(done.exception, client.Unreachable)
    assert cli.json("models", "versions", f"{schema}.iris") == []


def test_a_download_with_another_hash_is_refused(
    cli: Cli, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "MLmodel").write_bytes(MLMODEL)
    cli.text("models", "register", f"{schema}.iris", "--folder", str(source))
    listed = client.list_all

    def forged(sha256: str, path: str) -> None:
        rows = [{"path": path, "size": 1, "sha256": sha256}]
        monkeypatch.setattr(model_files, "list_all", lambda *_: rows)

    forged("0" * 64, "MLmodel")
    assert isinstance(cli.run("models", "download", f"{schema}.iris", "1", str(target)).exception, Unavailable)
    assert list(target.iterdir()) == []
    for path in ("../out", "/etc/out", "a/../../out"):
        forged("", path)
        done = cli.run("models", "download", f"{schema}.iris", "1", str(target))
        assert "not below" in str(done.exception), done.output
    assert listed


def test_a_prompt(cli: Cli, schema: str, tmp_path: Path) -> None:
    name, template = f"{schema}.greet", tmp_path / "template.txt"
    template.write_text("Hello {{name}}")
    assert cli.json("prompts", "create", name, "--comment", "a")["full_name"] == name
    assert cli.json("prompts", "update", name, "--comment", "b")["comment"] == "b"
    cli.text("prompts", "tag", name, "tone=warm")
    assert keys(cli.json("prompts", "get", name)["tags"])["tone"] == "warm"
    cli.text("prompts", "untag", name, "tone")
    assert "tone" not in keys(cli.json("prompts", "get", name)["tags"])
    assert cli.json("prompts", "create-version", name, str(template))["version"] == "1"
    cli.text("prompts", "create-version", name, str(template), "--comment", "again")
    cli.text("prompts", "alias", name, "live", "2")
    assert cli.json("prompts", "get-version", name, "2")["aliases"] == ["live"]
    assert json.loads(cli.text("prompts", "show", name, "@live")) == "Hello {{name}}"
    cli.text("prompts", "unalias", name, "live")
    cli.text("prompts", "delete-version", name, "2")
    assert [row["version"] for row in cli.json("prompts", "versions", name)] == [1]
    assert cli.json("prompts", "rename", name, "welcome")["full_name"] == f"{schema}.welcome"
    name = f"{schema}.welcome"
    cli.text("prompts", "delete", name, "--force")
    assert cli.json("prompts", "list", schema) == []


@pytest.mark.parametrize("text", ["Hello {{name}}", 'Say "hi" to {{ who }}\nand {{', "日本 {{x}} \\ 'y'"])
def test_versions_of_a_prompt(cli: Cli, schema: str, tmp_path: Path, text: str) -> None:
    """Their description, tags, copies and activity."""
    name, copy, template = f"{schema}.p_{uuid.uuid4().hex[:8]}", f"{schema}.c_{uuid.uuid4().hex[:8]}", tmp_path / "t"
    template.write_text(text)
    cli.text("prompts", "create", name)
    cli.text("prompts", "create-version", name, str(template), "--comment", "first")
    assert cli.json("prompts", "update-version", name, "1", "--comment", "second")["comment"] == "second"
    cli.text("prompts", "tag-version", name, "1", "tone=warm", "team=a=b")
    assert keys(cli.json("prompts", "get-version", name, "1")["tags"]) == {"tone": "warm", "team": "a=b"}
    cli.text("prompts", "untag-version", name, "1", "team")
    for number in ("1", "2"):
        copied = cli.json("prompts", "copy", name, "1", copy)
        assert (copied["name"], copied["version"], copied["description"]) == (copy, number, "second")
        assert keys(cli.json("prompts", "get-version", copy, number)["tags"]) == {"tone": "warm"}
        assert json.loads(cli.text("prompts", "show", copy, number)) == text
    assert cli.json("prompts", "lineage", name) == cli.json("prompts", "lineage", name, "1") == []
    assert "prompt_version.update" in {row["event"] for row in cli.json("prompts", "activity", name)}
    for command in (("update-version", "9", "--comment", "x"), ("tag-version", "9", "a=b"), ("copy", "9", copy)):
        assert cli.run("prompts", command[0], name, *command[1:]).exit_code == exits.NOT_FOUND
    assert [row["version"] for row in cli.json("prompts", "versions", copy)] == [2, 1]


def test_volumes_functions_and_tables(cli: Cli, schema: str) -> None:
    from api.serving import World

    world, name = World(cli.site), f"{schema}.raw"
    assert cli.json("volumes", "create", name, "--comment", "x")["volume_type"] == "MANAGED"
    assert cli.json("volumes", "update", name, "--comment", "y")["comment"] == "y"
    assert cli.json("volumes", "rename", name, "renamed")["full_name"] == f"{schema}.renamed"
    name = f"{schema}.renamed"
    owner, _ = cli.site.user()
    for noun, full_name in (
        ("volumes", name),
        ("functions", f"{world.schema}.functions"),
        ("tables", f"{world.schema}.tables"),
    ):
        assert full_name in {row["full_name"] for row in cli.json(noun, "list", full_name.rpartition(".")[0])}
        cli.text(noun, "tag", full_name, "tier=gold")
        assert tags_of(cli, noun, full_name) == {"tier": "gold"}
        cli.text(noun, "untag", full_name, "tier")
        assert cli.json(noun, "update", full_name, "--owner", owner)["owner"] == owner
        assert "securable.transfer" in {row["event"] for row in cli.json(noun, "activity", full_name)}
        assert cli.json(noun, "activity", full_name, "--summary")
        cli.text(noun, "delete", full_name)
        assert cli.run(noun, "get", full_name).exit_code == exits.NOT_FOUND


@pytest.mark.parametrize("noun", ["users", "service-principals"])
def test_a_principal_that_signs_in(cli: Cli, noun: str) -> None:
    name = f'p "{uuid.uuid4().hex[:8]}"'
    cli.text(noun, "create", name)
    assert cli.json(noun, "get", name)["name"] == name
    cli.text(noun, "update", name, "--display-name", "Somebody")
    assert cli.json(noun, "get", name.upper())["display_name"] == "Somebody"
    cli.text(noun, "deactivate", name)
    assert cli.json(noun, "list", "--filter", name)[0]["active"] is False
    cli.text(noun, "activate", name)
    cli.text(noun, "delete", name)
    gone = cli.run(noun, "get", name)
    assert isinstance(gone.exception, NotFound) and exits.of_error(gone.exception) == exits.NOT_FOUND


def test_a_group_and_its_members(cli: Cli) -> None:
    name, (user, _) = f"g_{uuid.uuid4().hex[:8]}", cli.site.user()
    cli.text("groups", "create", name)
    cli.text("groups", "add-member", name, user)
    assert [row["name"] for row in cli.json("groups", "members", name)] == [user]
    cli.text("groups", "remove-member", name, user)
    assert cli.json("groups", "get", name)["name"] == name
    assert cli.run("groups", "activate", name).exit_code == exits.USAGE
    cli.text("groups", "delete", name)


def test_a_tag_policy(cli: Cli) -> None:
    key, (user, _) = f"k_{uuid.uuid4().hex[:8]}", cli.site.user()
    cli.text("tag-policies", "create", key, "ml", "ops")
    changed = cli.json("tag-policies", "update", key, "--value", "ml", "--value", "web", "--description", "who pays")
    assert (changed["values"], changed["description"]) == (["ml", "web"], "who pays")
    assert cli.json("tag-policies", "update", key, "--description", "")["values"] == ["ml", "web"]
    cli.text("tag-policies", "grant", key, "ASSIGN", f"users/{user}")
    assert {"role": "ASSIGN", "principals": [f"users/{user}"]} in cli.json("tag-policies", "rules", key)
    cli.text("tag-policies", "revoke", key, "ASSIGN", f"users/{user}")
    assert user not in str(cli.json("tag-policies", "rules", key))
    assert cli.json("tag-policies", "get", key)["tag_key"] == key
    cli.text("tag-policies", "delete", key)


# --- exit codes ------------------------------------------------------------------------------------------------------


def test_refusals_have_codes(cli: Cli, schema: str) -> None:
    _, token = cli.site.user()
    catalog = schema.partition(".")[0]
    assert cli.run("catalogs", "create", catalog).exit_code == exits.CONFLICT
    assert cli.run("schemas", "get", f"{catalog}.none").exit_code == exits.NOT_FOUND
    assert cli.run("catalogs", "delete", catalog, token=token).exit_code == exits.REFUSED
    assert cli.run("catalogs", "list", token="mk_wrong").exit_code == exits.REFUSED
    assert cli.run("models", "create", "two.levels").exit_code == exits.FAILED


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SHOW CATALOGS", exits.DONE),
        ("SELEC 1", exits.FAILED),
        ("SHOW GRANTS ON CATALOG c_none", exits.NOT_FOUND),
        ("CREATE CATALOG main", exits.CONFLICT),
    ],
)
def test_statements_have_codes(cli: Cli, statement: str, code: int) -> None:
    done = cli.run("sql", statement)
    assert done.exit_code == code, done.output


def test_a_statement_that_is_refused_has_its_code(cli: Cli, schema: str) -> None:
    _, token = cli.site.user()
    done = cli.run("sql", f"DROP SCHEMA {schema}", token=token)
    assert done.exit_code in (exits.REFUSED, exits.NOT_FOUND), done.output


# --- the client ------------------------------------------------------------------------------------------------------


def test_a_service_principal_signs_in_once_for_many_requests(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"robot-{uuid.uuid4().hex[:6]}"
    cli.text("service-principals", "create", name)
    secret = cli.text("service-principals", "create-secret", name).strip()
    for variable, value in (("HOST", cli.site.host), ("CLIENT_ID", name), ("CLIENT_SECRET", secret)):
        monkeypatch.setenv(f"DATABRICKS_{variable}", value)
    monkeypatch.delenv("DATABRICKS_TOKEN", raising=False)
    for _ in range(3):
        client.call("GET", "/api/modelkeep/v1/me")
    assert len([row for row in cli.json("tokens", "list", "--principal", name) if row["kind"] == "ACCESS"]) == 1


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("registry.example.com", "https://registry.example.com"),
        ("http://a:1/", "http://a:1"),
        (" https://a// ", "https://a"),
    ],
)
def test_a_host_without_a_scheme_is_https(host: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def record(request: httpx.Request) -> httpx.Response:
        sent.append(str(request.url))
        return httpx.Response(200, json={})

    monkeypatch.setenv("DATABRICKS_HOST", host)
    monkeypatch.setenv("DATABRICKS_TOKEN", "x")
    monkeypatch.setattr(client, "_client", lambda: httpx.Client(transport=httpx.MockTransport(record)))
    client.call("GET", "/x")
    assert sent == [f"{address}/x"]


@pytest.mark.parametrize(("host", "token"), [("http://a:b", "x"), ("", "x"), ("http://a", ""), ("http://a", "ü\n")])
def test_settings_that_no_client_can_use_are_named(host: str, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", host)
    monkeypatch.setenv("DATABRICKS_TOKEN", token)
    with pytest.raises(BadSetting, match="DATABRICKS_"):
        client.call("GET", "/x")


@pytest.mark.parametrize(
    ("status", "content", "code", "words"),
    [
        (502, b"<html>Bad gateway</html>", exits.UNREACHABLE, "HTTP 502"),
        (400, b"[]", exits.FAILED, "HTTP 400"),
        (403, b"", exits.REFUSED, "HTTP 403"),
        (404, b'{"error_code": "X", "message": "no \\u001b[31m\\nred"}', exits.NOT_FOUND, "X: no ?[31m?red"),
    ],
)
def test_any_refusal_is_one_line_without_control_characters(
    status: int,
    content: bytes,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answering(monkeypatch, status, content)
    with pytest.raises(typer.Exit) as end:
        client.call("GET", "/x")
    said = capsys.readouterr().err
    assert end.value.exit_code == code
    assert said.count("\n") == 1 and words in said and said[:-1].isprintable()


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", b"{", b"\xff"])
def test_a_server_that_is_no_registry_is_named(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, 200, content)
    with pytest.raises(client.Unreachable, match="Is it a Modelkeep server"):
        client.call("GET", "/x")


def answering(monkeypatch: pytest.MonkeyPatch, status: int, content: bytes) -> None:
    """Every request gets this answer."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    monkeypatch.setenv("DATABRICKS_HOST", "http://a")
    monkeypatch.setenv("DATABRICKS_TOKEN", "x")
    monkeypatch.setattr(client, "_client", lambda: httpx.Client(transport=transport))


# --- filters of the audit log ----------------------------------------------------------------------------------------


def test_audit_records_are_filtered_alike_by_every_command(cli: Cli, schema: str) -> None:
    catalog = schema.partition(".")[0]
    cli.text("schemas", "tag", schema, "tier=gold")
    rows = cli.json(
        "audit", "find", "--name", f"{catalog}*", "--event", "schema.*", "--actor", "admin", "--since", "1h"
    )
    assert {row["event"] for row in rows} == {"schema.create"}
    assert cli.json("audit", "find", "--name", f"{catalog}*", "--until", "1h") == []
    assert cli.json("audit", "find", "--name", f"{catalog}*", "--outcome", "refused") == []
    assert (
        cli.json("audit", "find", "--workspace-id", "999") == cli.json("audit", "find", "--source", "192.0.2.1") == []
    )
    lines = cli.text(
        "audit", "export", "--event", "catalog.create", "--since", "1h"
    ).splitlines()  # those sealed so far
    assert {json.loads(line)["actionName"] for line in lines} <= {"createCatalog"}
    assert cli.text("audit", "export", "--request-id", "none") == ""
    activity = cli.json("schemas", "activity", schema, "--event", "schema.create", "--limit", "5")
    assert [row["event"] for row in activity] == ["schema.create"]
    assert {row["event"] for row in cli.json("schemas", "activity", schema, "--summary")} >= {"schema.create"}
    assert cli.json("schemas", "activity", schema, "--summary", "--until", "2020-01-01") == []


@pytest.mark.parametrize("words", [("audit", "find"), ("audit", "export"), ("catalogs", "activity", "main")])
def test_a_time_that_is_none(cli: Cli, words: tuple[str, ...]) -> None:
    for option in ("--since", "--until"):
        done = cli.run(*words, option, "yesterday")
        assert isinstance(done.exception, InvalidArgument)
