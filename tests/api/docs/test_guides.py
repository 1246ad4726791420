"""The pages on governing, signing in and the audit log: every command, every snippet, as it stands there, in its order."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from api.serving import DATABRICKS_UC, FUNCTION, UC, V1, Site, running_site
from api.v1.test_audit import sealed
from connect import BLOCK, GUIDES, sections
from issuer import Issuer, running_issuer
from quick import quick

from modelkeep.settings import load

M = "prod.ml_team.iris_model"
ELSEWHERE = {"From staging to prod", "Experiments"}
"""Sections of govern.md that tests/clients/test_connect.py walks, with a tracking server."""
BEFORE_PYTHON = """
from databricks.sdk import WorkspaceClient
w = WorkspaceClient()
team = next(iter(w.groups.list(filter='displayName eq "analysts"')), None)
"""


GITHUB = "https://token.actions.githubusercontent.com"


@pytest.fixture(scope="module")
def github() -> Iterator[Issuer]:
    """Stands in for GitHub's, whose address the page names: it signs the token of the page's job."""
    with running_issuer("two") as issuer:
        yield issuer


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, github: Issuer) -> Iterator[Site]:
    with ExitStack() as stack:
        idp = stack.enter_context(running_issuer("one"))
        trusted = {"trusted_issuers": github.url, "oidc_issuer": idp.url}
        folder = tmp_path_factory.mktemp("guides")
        site = stack.enter_context(running_site(folder, oidc_client_id="modelkeep", **trusted))
        furnish(site)
        yield site


def furnish(site: Site) -> None:
    """What the pages take for granted."""
    site.ok("POST", f"{UC}/catalogs", {"name": "prod"})
    site.ok("POST", f"{UC}/schemas", {"name": "ml_team", "catalog_name": "prod"})
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": M})
    for _ in range(8):
        site.ok("POST", f"{DATABRICKS_UC}/model-versions/create", {"name": M, "source": "models:/m-1"})
    site.ok("PUT", f"{UC}/models/{M}/aliases/old", {"version_num": 1})
    place = {"catalog_name": "prod", "schema_name": "ml_team"}
    site.ok("POST", f"{UC}/volumes", {**place, "name": "raw", "volume_type": "MANAGED"})
    table = {"table_type": "EXTERNAL", "data_source_format": "CSV", "storage_location": "s3://x/y"}
    site.ok("POST", f"{UC}/tables", {**place, "name": "features", **table})
    site.ok("POST", f"{UC}/functions", {"function_info": {**place, "name": "score", **FUNCTION}})
    for user in ("alice@example.com", "bob"):
        site.user(user)
    site.ok("POST", f"{V1}/groups", {"name": "release-managers"})
    site.ok("PUT", f"{V1}/groups/release-managers/members/admin")


def access_request_of(site: Site, who: str) -> str:
    """The id of a request for access."""
    site.allow(who, "catalog", "prod", "BROWSE")
    token = site.ok("POST", f"{V1}/tokens", {"principal": who})["token_value"]
    fields = {"securable": {"type": "FUNCTION", "full_name": M}, "permissions": ["EXECUTE"]}
    answer = site.ok("POST", "/api/3.0/rfa/requests", {"requests": [{"securable_permissions": [fields]}]}, token)
    return answer["responses"][0]["request_ids"][0]


def page(name: str) -> dict[str, str]:
    """Title -> text, with what comes before the first title under ''."""
    text = (GUIDES / name).read_text()
    return {"": re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0], **sections(GUIDES / name)}


def walk(site: Site, titles: dict[str, str], programs: Path, folder: Path, **known: str) -> str:
    """What the commands of these sections print, each block in a shell of its own with the administrator's environment."""
    lines = ["set -e"]
    for title, text in titles.items():
        for number, (language, code) in enumerate(BLOCK.findall(text)):
            lines.append(f"echo '### {title} {number}'")
            if language == "python":
                lines.append(f"python - <<'END_OF_SNIPPET'\n{BEFORE_PYTHON}{code}END_OF_SNIPPET")
            elif language == "sh":
                lines.append(f"(\n{code})")
    environment = {"HOME": str(folder), "DATABRICKS_HOST": site.host, "DATABRICKS_TOKEN": site.admin, **known}
    environment["PATH"] = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)], env=environment, cwd=folder, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with quick(tmp_path_factory.mktemp("quick")) as result:
        yield result


def test_who_may_do_what(site: Site, github: Issuer, programs: Path, tmp_path: Path) -> None:
    titles = {
        title: text.replace(GITHUB, github.url) for title, text in page("govern.md").items() if title not in ELSEWHERE
    }
    ids = {
        "REQUEST_ID": access_request_of(site, "bob"),
        "OTHER_REQUEST_ID": access_request_of(site, "alice@example.com"),
    }
    account = site.ok("GET", "/.well-known/databricks-config")["account_id"]
    job = github.token(sub="repo:acme/churn:ref:refs/heads/main", aud=account)
    said = walk(site, titles, programs, tmp_path, JOB_TOKEN=job, **ids)
    assert "alice may get_model: EXECUTE" in said and "admin may delete_model: owner" in said
    states = {
        r["principal"]: r["state"] for r in site.ok("GET", f"{V1}/access-requests", {"state": "ALL"})["access_requests"]
    }
    assert states == {"bob": "APPROVED", "alice@example.com": "REJECTED", "admin": "PENDING"}
    by = {e["event"] for e in site.ok("GET", f"{V1}/audit", {"actor": "admin", "max_results": 1000})["events"]}
    assert by >= {
        "principal.create",
        "group.add_member",
        "grants.change",
        "grants.explain",
        "access.decide",
        "tag_policy.create",
        "tag_policy.set_rules",
        "alias.protect",
        "alias.set",
        "secret.create",
        "federation.create",
        "identity.link",
        "workspace.create",
        "workspace.assign",
        "workspace.unassign",
        "catalog.isolate",
        "catalog.bind",
        "token.create",
    }
    aliases = {
        a["alias_name"]: a["version_num"]
        for a in site.ok("GET", f"{UC}/models/{M}", {"include_aliases": "true"})["aliases"]
    }
    assert aliases == {"champion": 7, "challenger": 8}
    nightly = site.ok("GET", f"{V1}/audit", {"actor": "nightly", "event": "token.issue"})["events"]
    assert {event["reason"] for event in nightly} == {"client secret", "federation github"}, "both were traded"


def test_the_audit_log(site: Site, programs: Path, tmp_path: Path) -> None:
    titles = {title: text for title, text in page("audit.md").items() if title != "Keeping it"}
    sealed(site)
    walk(site, titles, programs, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert lines and {"serviceName", "actionName", "requestParams"} <= set(lines[0])


def test_the_settings_of_an_openid_provider(tmp_path: Path) -> None:
    (text,) = [code for language, code in BLOCK.findall(page("operate.md")["Sign-in with an OpenID provider"])]
    said = subprocess.run(
        ["bash", "-c", f"{text}\nenv -0"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    fields: dict[str, Any] = dict(
        line.split("=", 1) for line in said.stdout.split("\0") if line.startswith("MODELKEEP_")
    )
    result = load(fields | {"MODELKEEP_DATA_DIR": str(tmp_path)})
    assert result.oidc_issuer == "https://idp.example.com" and json.loads(result.oidc_groups) == {
        "ml-team": "scientists"
    }
