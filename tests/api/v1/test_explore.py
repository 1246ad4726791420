"""What the web pages are served as, and what they read: nothing inline, kept by content, the page for every path below /explore."""

import hashlib
import re

import pytest
from api.filing import FS, MLMODEL
from api.serving import DATABRICKS_UC, UC, V1, Site, refused, site

from modelkeep.api.docs import web_ui
from modelkeep.core.operations.models import description_drafts

__all__ = ["site"]
HTML = {"accept": "text/html,*/*"}
built = pytest.mark.skipif(web_ui.build() is None, reason="the web UI is not built: `make ui`")


@built
def test_the_page_runs_nothing_but_its_own_files(site: Site) -> None:
    answers = [site.call("GET", path, headers=HTML) for path in ("/explore", "/explore/data/models/a/b/c?tab=lineage")]
    for answer in answers:
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"unsafe|https?:|\*", policy)
        assert not re.search(r"<script>|<style|\son\w+=|https?://", answer.text)
    nonces = {re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])[1] for answer in answers}  # type: ignore[index]
    assert len(nonces) == 2, "a nonce is used once"
    assert all(any(nonce in answer.text for nonce in nonces) for answer in answers)


@built
def test_files_of_the_build_are_kept_for_good(site: Site) -> None:
    page = site.call("GET", "/explore").text
    parts = re.findall(r'(?:src|href)="(/explore/assets/[^"]+)"', page)
    assert len(parts) >= 3
    for part in parts:
        for encoding in ("gzip", "identity"):
            answer = site.call("GET", part, token="", headers={"accept-encoding": encoding})
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css", "image/svg+xml")
            assert answer.headers.get("content-encoding", "identity") == encoding
            assert re.search(r"-[\w-]{8}\.\w+$", part), "the name changes with the content"
    refused(site.call("GET", "/explore/assets/none.js", token=""), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(site.call("GET", "/explore/assets/..%2f..%2fserve.py", token=""), 401, "UNAUTHENTICATED")
    assert site.call("GET", "/explore/assets/..%2f..%2fserve.py").headers["content-type"].startswith("text/html")


@built
def test_signing_in_leads_back_to_where_one_wanted_to_go(site: Site) -> None:
    answer = site.call("GET", "/explore/search?q=a+b&tag=x", token="", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/login?next=%2Fexplore%2Fsearch%3Fq%3Da%2Bb%26tag%3Dx",
    )
    form = site.call("GET", answer.headers["location"], token="")
    assert 'value="/explore/search?q=a+b&amp;tag=x"' in form.text
    assert site.call("GET", "/").headers["location"] == "/explore"


def test_a_version_is_told_with_all_that_is_known(site: Site) -> None:
    model = site.model(versions=1)
    root = f"{FS}/files/Models/{model.replace('.', '/')}/1"
    for path, data in (("MLmodel", MLMODEL), ("data/model.pkl", b"x" * 10)):
        assert site.call("PUT", f"{root}/{path}", content=data).status_code == 204
    of_model = f"{V1}/models/{model}/versions"
    assert site.ok("GET", f"{of_model}/1/files") == {"files": [], "next_page_token": ""}, "not before it is READY"
    site.ok("POST", f"{DATABRICKS_UC}/model-versions/finalize", {"name": model, "version": "1"})
    site.ok("PUT", f"{UC}/models/{model}/aliases/Champion", {"version_num": 1})
    site.ok("PATCH", f"{UC}/subentity-tags/function/{model}/1", {"changes": {"add_tags": [{"key": "a", "value": "b"}]}})
    answer = site.ok("GET", f"{of_model}/1")
    assert (answer["status"], answer["aliases"], answer["tags"]) == (
        "READY",
        ["Champion"],
        [{"key": "a", "value": "b"}],
    )
    assert "double" in answer["signature"]["inputs"]
    assert site.ok("GET", of_model) == {"versions": [answer], "next_page_token": ""}
    first = site.ok("GET", f"{of_model}/1/files", {"max_results": 1})
    second = site.ok("GET", f"{of_model}/1/files", {"page_token": first["next_page_token"]})
    fields = {file["path"]: (file["size"], file["sha256"]) for file in [*first["files"], *second["files"]]}
    assert fields["data/model.pkl"] == (10, hashlib.sha256(b"x" * 10).hexdigest())
    assert (set(fields), second["next_page_token"]) == ({"MLmodel", "data/model.pkl"}, "")
    _, stranger = site.user()
    refused(site.call("GET", f"{of_model}/1/files", token=stranger), 403, "PERMISSION_DENIED", "USE CATALOG")


@pytest.mark.parametrize("kind", ["catalogs", "schemas", "models", "versions"])
def test_a_newer_description_is_not_overwritten(site: Site, kind: str) -> None:
    model = site.model(versions=1)
    catalog, schema, _ = model.split(".")
    name = {"catalogs": catalog, "schemas": f"{catalog}.{schema}"}.get(kind, model)
    path = f"{UC}/models/{model}/versions/1" if kind == "versions" else f"{UC}/{kind}/{name}"
    seen = site.ok("GET", path)["etag"]
    if kind == "versions":
        assert site.ok("GET", f"{V1}/models/{model}/versions/1")["etag"] == seen
    theirs = site.ok("PATCH", path, {"comment": "theirs: ü", "etag": seen})["etag"]
    for stale in (seen, f'"{seen}"', "x", theirs.upper()):
        refused(site.call("PATCH", path, {"comment": "mine", "etag": stale}), 409, "RESOURCE_CONFLICT", "Read it again")
    assert site.ok("GET", path)["comment"] == "theirs: ü"
    assert site.ok("PATCH", path, {"comment": "mine", "etag": f'"{theirs}"'})["comment"] == "mine"
    assert site.ok("PATCH", path, {"comment": "anything"})["comment"] == "anything", "older clients send no etag"
    if kind != "versions":
        _, reader = site.user()
        site.allow("account users", "catalog", catalog, "BROWSE")
        assert "etag" not in site.ok("GET", path, {"include_browse": True}, token=reader)


def test_signing_in_says_why(site: Site) -> None:
    ended = site.call("GET", "/login?next=%2Fexplore&why=ended", token="").text
    assert "Your session has ended" in ended and 'value="/explore"' in ended
    for why in ("", "&why=", "&why=other", "&why=<b>"):
        text = site.call("GET", f"/login?next=%2Fexplore{why}", token="").text
        assert "ended" not in text and "<b>" not in text


def test_me_and_what_can_be_granted(site: Site) -> None:
    name, token = site.user()
    me = site.ok("GET", f"{V1}/me", token=token)
    [own] = site.ok("GET", f"{V1}/tokens", {"principal": name})["tokens"]
    assert me.pop("token_expires_at") == own["expiry_time"] > 0
    assert me == {
        "name": name,
        "display_name": name,
        "kind": "USER",
        "account_admin": False,
        "groups": ["account users"],
        "workspace_id": "1",
        "workspace": "default",
        "no_drafts": description_drafts.UNSET,
        "governs_tags": False,
        "reads_audit": False,
    }
    assert site.ok("GET", f"{V1}/me")["account_admin"], "by a group"
    kinds = {
        securable["type"]: securable["privileges"]
        for securable in site.ok("GET", f"{V1}/privileges", token=token)["securables"]
    }
    assert kinds["MODEL"] == ["ALL_PRIVILEGES", "APPLY_TAG", "CREATE_MODEL_VERSION", "EXECUTE", "MANAGE"]


def test_search_finds_by_words_and_tells_aliases(site: Site) -> None:
    model = site.model(versions=1)
    site.ok("PUT", f"{UC}/models/{model}/aliases/Blue", {"version_num": 1})
    [result] = site.ok("GET", f"{V1}/search", {"query": f"{model.rpartition('.')[2]} blue", "kinds": "MODEL"})[
        "results"
    ]
    assert (result["full_name"], result["aliases"], result["kind"]) == (model, {"Blue": 1}, "MODEL")
    refused(site.call("GET", f"{V1}/search", {"kinds": "METASTORE"}), 400, "INVALID_PARAMETER_VALUE", "no metastore")


def test_search_knows_capitals_beyond_ascii(site: Site) -> None:
    model = site.model()
    site.ok("PATCH", f"{UC}/models/{model}", {"comment": "Für die ÖPNV-Prognose"})
    add = [{"key": "Größe", "value": "ÜBER 10"}]
    site.ok("PATCH", f"{UC}/securable-tags/function/{model}", {"changes": {"add_tags": add}})
    leaf = model.rpartition(".")[2]
    for item in (
        {"query": f"{leaf} öpnv"},
        {"query": f"{leaf} GRÖSSE:über".replace("SS", "ß")},
        {"tag": "größe:über 10"},
    ):
        results = site.ok("GET", f"{V1}/search", item)["results"]
        assert model in [row["full_name"] for row in results], item


def test_activity_without_what_was_only_read(site: Site) -> None:
    model = site.model()
    site.ok("GET", f"{UC}/models/{model}")
    site.ok("PATCH", f"{UC}/models/{model}", {"comment": "x"})
    events = site.ok("GET", f"{V1}/activity/function/{model}", {"changes_only": "true"})["events"]
    assert [event["event"] for event in events] == ["securable.update", "model.create"]
