"""The audit log over REST and the command line: filters, both orders, pages, activity, and Databricks' schema with a cursor."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api.serving import DATABRICKS_UC, V1, Site, refused, site
from typer.testing import CliRunner

from modelkeep.cli import app
from modelkeep.cli.audit import epoch_ms
from modelkeep.domain.errors import InvalidArgument
from modelkeep.store import audit
from modelkeep.store.db import now_ms

__all__ = ["site"]

FAR = 2**62


def sealed(site: Site) -> None:
    """Everything so far, written and chained: what the background does within a few seconds."""

    async def work() -> None:
        await site.registry.auditor.flush(minute_over=True)
        async with site.registry.db.write() as tx:
            while await audit.seal(tx, FAR):
                pass

    site.run(work())


def audit_records(site: Site, **query: Any) -> list[dict[str, Any]]:
    return site.ok("GET", f"{V1}/audit", query)["events"]


class Story:
    """A model with a past, in a catalog of its own."""

    def __init__(self, site: Site) -> None:
        self.begun = now_ms()
        self.schema = site.schema()
        self.catalog = self.schema.partition(".")[0]
        self.model = site.model(self.schema, versions=2)
        self.other = site.model(self.schema)
        self.reader, self.token = site.user()
        site.ok(
            "POST",
            f"{DATABRICKS_UC}/registered-models/alias",
            {"name": self.model, "alias": "champion", "version": "2"},
        )
        site.ok("POST", f"{DATABRICKS_UC}/registered-models/set-tag", {"name": self.model, "key": "team", "value": "a"})
        site.call("GET", f"{DATABRICKS_UC}/registered-models/get", {"name": self.model}, token=self.token)
        site.allow(self.reader, "catalog", self.catalog, "USE_CATALOG", "USE_SCHEMA")
        site.allow(self.reader, "function", self.model, "EXECUTE")
        for _ in range(3):
            site.call(
                "GET",
                f"{DATABRICKS_UC}/registered-models/alias",
                {"name": self.model, "alias": "champion"},
                token=self.token,
            )
        sealed(site)


@pytest.fixture(scope="module")
def story(site: Site) -> Story:
    return Story(site)


# --- finding ---------------------------------------------------------------------------------------------------------


def test_who_what_when_outcome_request_and_address(site: Site, story: Story) -> None:
    mine: dict[str, Any] = {"name": f"{story.catalog}*", "max_results": 1000}
    every = audit_records(site, **mine)
    assert len(every) > 8 and {e["actor"] for e in every} == {"admin", story.reader}
    assert {e["event"] for e in audit_records(site, actor=story.reader)} == {"model.get", "version.get"}
    (refusal,) = audit_records(site, actor=story.reader, outcome="refused")
    assert (refusal["outcome"], refusal["source"]) == ("PERMISSION_DENIED", "127.0.0.1")
    assert audit_records(site, request_id=refusal["request_id"]) == [refusal]
    assert (
        audit_records(site, **mine, outcome="PERMISSION_DENIED")
        == [refusal]
        == audit_records(site, **mine, outcome="refused")
    )
    assert [e["event"] for e in audit_records(site, name=story.model.upper(), event="alias.*")] == ["alias.set"]
    assert {e["event"] for e in audit_records(site, **mine, event="catalog.*")} == {"catalog.create"}
    assert audit_records(site, **mine, source="10.9.8.7") == [] == audit_records(site, **mine, until=story.begun)
    assert audit_records(site, **mine, since=story.begun, source="127.0.0.1") == [
        e for e in every if e["source"] == "127.0.0.1"
    ]
    assert audit_records(site, name=story.other, event="model.create")[0]["targets"][-1]["name"] == story.other


@pytest.mark.parametrize(
    "query", [{"name": "{catalog}*"}, {"actor": "admin", "event": "model.*"}, {"name": "{model}"}, {"event": "*"}, {}]
)
def test_pages_in_either_order_hold_each_record_once(site: Site, story: Story, query: dict[str, str]) -> None:
    fields: dict[str, Any] = {
        key: value.format(catalog=story.catalog, model=story.model) for key, value in query.items()
    }
    fields |= {"since": story.begun, "until": now_ms() - 1}  # asking leaves records, too
    whole = audit_records(site, **fields, max_results=1000)
    assert len(whole) > 1 and [(e["at"], e["id"]) for e in whole] == sorted(
        ((e["at"], e["id"]) for e in whole), reverse=True
    )
    for first, expected in (("newest", whole), ("oldest", whole[::-1])):
        pages: list[dict[str, Any]] = []
        token = ""
        while True:
            page = site.ok(
                "GET",
                f"{V1}/audit",
                {**fields, "first": first, "max_results": 1 if len(whole) < 4 else 3, "page_token": token},
            )
            pages += page["events"]
            if not (token := page["next_page_token"]):
                break
            other = {**fields, "first": "oldest" if first == "newest" else "newest", "page_token": token}
            refused(site.call("GET", f"{V1}/audit", other), 400, "INVALID_PARAMETER_VALUE", "page token")
        assert pages == expected


def test_bad_questions(site: Site, story: Story) -> None:
    for bad in ({"first": "middle"}, {"since": "soon"}, {"max_results": -1}, {"name": "a\0b"}):
        refused(site.call("GET", f"{V1}/audit", bad), 400, "INVALID_PARAMETER_VALUE")
    for odd in ("%", "'", "*", "**", "*a", "\U0010ffff*", "x" * 5000, "x" * 5000 + "*", "é*"):
        for field in ("name", "event", "actor", "outcome", "source", "request_id"):
            assert site.call("GET", f"{V1}/audit", {field: odd, "max_results": 1}).status_code == 200, (field, odd)
    for path in ("audit", "audit/export", "audit/archives"):
        refused(site.call("GET", f"{V1}/{path}", {}, token=story.token), 403, "PERMISSION_DENIED", "account admins")


# --- activity --------------------------------------------------------------------------------------------------------


def test_a_model_has_its_activity_and_reads_are_counted(site: Site, story: Story) -> None:
    path = f"{V1}/activity/MODEL/{story.model}"
    events = site.ok("GET", path, {"max_results": 1000})["events"]
    assert {"model.create", "version.create", "alias.set", "tag.change", "grants.change", "version.get"} <= {
        e["event"] for e in events
    }
    (set_alias,) = site.ok("GET", path, {"event": "alias.*", "actor": "admin"})["events"]
    assert set_alias["changes"] == {"champion": [None, 2]} or "champion" in json.dumps(set_alias)
    oldest = site.ok("GET", path, {"first": "oldest", "max_results": 1})["events"]
    assert oldest[0]["event"] == "model.create"
    summary = {(s["event"], s["outcome"]): s for s in site.ok("GET", f"{path}/summary")["summary"]}
    assert (summary["version.get", "ok"]["count"], summary["version.get", "ok"]["actors"]) == (3, 1)
    assert summary["version.create", "ok"]["count"] == 2
    later = site.ok("GET", f"{path}/summary", {"since": now_ms() + 60_000})["summary"]
    assert later == []


@pytest.mark.parametrize(
    ("kind", "events"),
    [("CATALOG", {"catalog.create", "schema.create", "grants.change"}), ("SCHEMA", {"schema.create", "model.create"})],
)
def test_containers_have_theirs(site: Site, story: Story, kind: str, events: set[str]) -> None:
    name = story.catalog if kind == "CATALOG" else story.schema
    answer = site.ok("GET", f"{V1}/activity/{kind}/{name}", {"max_results": 1000})["events"]
    assert events <= {e["event"] for e in answer}
    refused(site.call("GET", f"{V1}/activity/{kind}/{name}", {}, token=story.token), 403, "PERMISSION_DENIED")


# --- Databricks' schema ----------------------------------------------------------------------------------------------


def exported(site: Site, after: int = 0, **query: Any) -> Iterator[dict[str, Any]]:
    extra = True
    while extra:
        page = site.ok("GET", f"{V1}/audit/export", {"after": after, "max_results": 7, **query})
        yield from page["records"]
        assert page["cursor"] > after or not page["more"]
        after, extra = page["cursor"], page["more"]


def test_records_in_the_schema_of_databricks(site: Site, story: Story) -> None:
    records = list(exported(site, name=f"{story.catalog}*"))
    by_action = {(r["serviceName"], r["actionName"]): r for r in records}
    result = by_action["unityCatalog", "createRegisteredModel"]
    assert set(result) == {
        "version",
        "auditLevel",
        "timestamp",
        "workspaceId",
        "accountId",
        "eventId",
        "sourceIPAddress",
        "userAgent",
        "sessionId",
        "userIdentity",
        "serviceName",
        "actionName",
        "requestId",
        "requestParams",
        "response",
    }
    assert (result["version"], result["auditLevel"], result["userIdentity"]["email"]) == (
        "2.0",
        "ACCOUNT_LEVEL",
        "admin",
    )
    assert result["requestParams"]["full_name_arg"] in (story.model, story.other)
    assert result["response"] == {"statusCode": 200, "errorMessage": None, "result": None}
    for action in (
        "createCatalog",
        "createSchema",
        "createModelVersion",
        "setRegisteredModelAlias",
        "updateRegisteredModel",
        "updatePermissions",
        "getModelVersionByAlias",
        "getRegisteredModel",
    ):
        assert ("unityCatalog", action) in by_action, sorted(by_action)
    denied = by_action["unityCatalog", "getRegisteredModel"]
    assert denied["response"]["statusCode"] == 403 and "USE CATALOG" in denied["response"]["errorMessage"]
    assert by_action["unityCatalog", "getModelVersionByAlias"]["requestParams"]["alias"] == "champion"
    every, changes = list(exported(site)), {r["eventId"] for r in exported(site, changes_only=True)}
    assert changes < {r["eventId"] for r in every}
    left_out = {r["actionName"] for r in every if r["eventId"] not in changes}
    assert all(action.startswith(("get", "list", "search", "generate")) for action in left_out), left_out
    people = {(r["serviceName"], r["actionName"]) for r in exported(site, event="principal.*")}
    assert people == {("accounts", "add")}
    assert all(isinstance(v, str) for r in records for v in r["requestParams"].values())


def test_the_cursor_goes_on_behind_the_last_record(site: Site, story: Story) -> None:
    end = site.ok("GET", f"{V1}/audit/export", {"after": 0, "max_results": 5000})["cursor"]
    before = [r["eventId"] for r in exported(site)]
    assert len(set(before)) == len(before)
    site.model(story.schema)
    sealed(site)
    after = list(exported(site, after=end))
    assert "createRegisteredModel" in {r["actionName"] for r in after}
    assert not {r["eventId"] for r in after} & set(before[:-20])
    beyond = site.ok("GET", f"{V1}/audit/export", {"after": 2**61})
    assert (beyond["records"], beyond["more"]) == ([], False)


# --- the command line ------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DATABRICKS_HOST", site.host)
    monkeypatch.setenv("DATABRICKS_TOKEN", site.admin)

    def run(*args: str) -> str:
        done = CliRunner().invoke(app, list(args))
        assert done.exit_code == 0, f"{args}: {done.output} {done.exception}"
        return done.stdout

    return run


def test_find_and_activity_on_the_command_line(cli: Any, story: Story) -> None:
    table = cli("audit", "find", "--name", f"{story.catalog}*", "--outcome", "refused", "--since", "1h")
    assert story.reader in table and "PERMISSION_DENIED" in table
    rows = json.loads(cli("audit", "find", "--name", story.model, "--oldest-first", "--limit", "2", "--json"))
    assert next(row["event"] for row in rows) == "model.create" and len(rows) == 2
    assert "alias.set" in cli("models", "activity", story.model)
    assert "version.get" in cli("models", "activity", story.model, "--summary")
    assert "schema.create" in cli("catalogs", "activity", story.catalog)
    assert "model.create" in cli("schemas", "activity", story.schema, "--event", "model.*")
    assert cli("audit", "archives").startswith("FIRST_SEQ")


def test_a_head_that_was_copied_short_is_no_broken_chain(cli: Any) -> None:
    with pytest.raises(AssertionError, match="64 hexadecimal digits"):
        cli("audit", "verify", "--head", "5b1c")


def test_export_goes_on_where_its_cursor_file_says(cli: Any, site: Site, story: Story, tmp_path: Path) -> None:
    file = tmp_path / "cursor"
    first = [json.loads(line) for line in cli("audit", "export", "--cursor-file", str(file)).splitlines()]
    assert len(first) > 20 and {r["version"] for r in first} == {"2.0"}
    cursor = int(file.read_text())
    again = cli("audit", "export", "--cursor-file", str(file))
    assert not again or not {json.loads(line)["eventId"] for line in again.splitlines()} & {r["eventId"] for r in first}
    assert int(file.read_text()) >= cursor
    file.write_text("12x")
    with pytest.raises(AssertionError, match="holds no cursor"):
        cli("audit", "export", "--cursor-file", str(file))


def test_times_on_the_command_line() -> None:
    assert (
        epoch_ms("2026-11-23") == epoch_ms("2026-11-23T00:00Z") == epoch_ms("2026-11-23T01:00+01:00") == 1795392000000
    )
    assert epoch_ms("123") == 123 and abs(epoch_ms("24h") - (now_ms() - 24 * 3_600_000)) < 5_000
    for bad in ("yesterday", "5y", "-1", "2026-13-01", "m", "1234567d"):
        with pytest.raises(InvalidArgument, match="is no time"):
            epoch_ms(bad)
