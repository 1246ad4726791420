"""Prompts over HTTP: words that clients branch on, values that must agree, names and keys in paths, and what is refused how."""

import json
from typing import Any

import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, refused, site

__all__ = ["site"]

INVALID = "INVALID_PARAMETER_VALUE"
PROMPTS = f"{DATABRICKS_UC}/prompts"


@pytest.fixture(scope="module")
def prompt(site: Site) -> str:
    """With a version."""
    schema = site.model().rpartition(".")[0]
    name = f"{schema}.greet"
    site.ok(
        "POST",
        PROMPTS,
        {"name": name, "prompt": {"name": name, "description": "d", "tags": [{"key": "t", "value": "v"}]}},
    )
    register(site, name, "Hello {{name}}")
    return name


def register(site: Site, name: str, template: Any, **fields: Any) -> dict[str, Any]:
    version = {"name": name, "template": json.dumps(template), **fields}
    return site.ok("POST", f"{PROMPTS}/{name}/versions", {"name": name, "prompt_version": version})


def test_only_a_prompt_that_exists_already_exists(site: Site, prompt: str) -> None:
    refused(site.call("POST", PROMPTS, {"name": prompt, "prompt": {"name": prompt}}), 409, "ALREADY_EXISTS", prompt)
    model = site.model()
    refused(
        site.call("POST", PROMPTS, {"name": model, "prompt": {"name": model}}), 409, "RESOURCE_ALREADY_EXISTS", model
    )
    refused(site.b("POST", "registered-models/create", {"name": prompt}), 409, "RESOURCE_ALREADY_EXISTS", prompt)


def test_what_a_client_parses(site: Site, prompt: str) -> None:
    answer = site.ok("GET", f"{PROMPTS}/{prompt}", {"name": prompt})
    assert answer["creation_timestamp"].endswith("Z") and answer["tags"] == [{"key": "t", "value": "v"}]
    version = site.ok("GET", f"{PROMPTS}/{prompt}/versions/1", {"name": prompt, "version": "1"})
    assert (version["version"], json.loads(version["template"])) == ("1", "Hello {{name}}")
    assert {"key": "_mlflow_prompt_type", "value": "text"} in version["tags"]
    assert site.ok("GET", f"{PROMPTS}/{prompt}/versions/by-alias/latest")["version"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("GET", "{p}", {"name": "a.b.c"}),
        ("DELETE", "{p}", {"name": "a.b.c"}),
        ("GET", "{p}/versions/1", {"version": "2"}),
        ("DELETE", "{p}/tags/t", {"key": "other"}),
        ("POST", "{p}/aliases/live", {"alias": "other", "version": "1"}),
        ("POST", "{p}/versions", {"name": "a.b.c", "prompt_version": {"template": '"x"'}}),
        ("POST", "{p}/versions", {"prompt_version": {"name": "a.b.c", "template": '"x"'}}),
        ("PATCH", "{p}", {"prompt": {"name": "a.b.c", "description": "x"}}),
        ("PATCH", "{p}/versions/1", {"prompt_version": {"version": "2"}}),
    ],
)
def test_values_that_disagree_are_refused(
    site: Site, prompt: str, method: str, path: str, fields: dict[str, Any]
) -> None:
    answer = (
        site.call(method, f"{PROMPTS}/{path.format(p=prompt)}", fields)
        if method != "DELETE"
        else site.http.request(
            "DELETE",
            f"{PROMPTS}/{path.format(p=prompt)}",
            json=fields,
            headers={"authorization": f"Bearer {site.admin}"},
        )
    )
    refused(answer, 400, INVALID, "two values")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("hello", "not JSON"),
        ("3", "not JSON"),
        ("[]", "at least one message"),
        ('["x"]', "`role`"),
        ('"\\ud800"', "not JSON"),
        (json.dumps("{{" * 50_001), "100002 characters"),
        ("[" * 50_000, "not JSON"),
    ],
)
def test_a_template_that_no_client_could_load_is_one_sentence(
    site: Site, prompt: str, template: str, words: str
) -> None:
    answer = site.call(
        "POST", f"{PROMPTS}/{prompt}/versions", {"name": prompt, "prompt_version": {"template": template}}
    )
    refused(answer, 400, INVALID, words)


@pytest.mark.parametrize(
    "text", ["{{" * 50_000, "\0", "a\\u0000b", "\\\\\0", "é😀\n\t\"'", "", "{{ a.b }}{{", "\u202e"]
)
def test_a_template_comes_back_as_it_was_sent(site: Site, prompt: str, text: str) -> None:
    """An escaped NUL inside the template's JSON is text; one in another field is refused."""
    number = register(site, prompt, text)["version"]
    answer = site.ok("GET", f"{PROMPTS}/{prompt}/versions/{number}")
    assert json.loads(answer["template"]) == text


def test_a_field_that_holds_a_nul_is_refused(site: Site, prompt: str) -> None:
    for version in ({"template": '"x"', "description": "a\0"}, {"template": "\0"}):
        answer = site.call("POST", f"{PROMPTS}/{prompt}/versions", {"name": prompt, "prompt_version": version})
        refused(answer, 400, INVALID, "NUL")


@pytest.mark.parametrize("key", ["a.b", "a/b", "a?b", "a#b", "a%b", " a", "k" * 256, ""])
def test_a_key_that_could_not_be_deleted_is_refused(site: Site, prompt: str, key: str) -> None:
    refused(site.call("POST", f"{PROMPTS}/{prompt}/tags", {"key": key, "value": "v"}), 400, INVALID)
    refused(site.call("POST", f"{PROMPTS}/{prompt}/versions/1/tags", {"key": key, "value": "v"}), 400, INVALID)


@pytest.mark.parametrize("name", ["iris", "a.b", "a.b.c.d", "a.b.with space", "a..c"])
def test_names_have_three_levels(site: Site, name: str) -> None:
    refused(site.call("POST", PROMPTS, {"name": name, "prompt": {"name": name}}), 400, INVALID)


def test_a_deletion_of_a_prompt_with_versions_waits_for_them(site: Site) -> None:
    schema = site.model().rpartition(".")[0]
    name = f"{schema}.short_lived"
    site.ok("POST", PROMPTS, {"name": name, "prompt": {"name": name}})
    register(site, name, "x")
    refused(site.call("DELETE", f"{PROMPTS}/{name}"), 409, "RESOURCE_CONFLICT", "versions")
    refused(site.call("DELETE", f"{V1}/prompts/{name}"), 409, "RESOURCE_CONFLICT", "versions")
    site.ok("DELETE", f"{PROMPTS}/{name}/versions/1")
    site.ok("DELETE", f"{PROMPTS}/{name}")
    refused(site.call("GET", f"{PROMPTS}/{name}"), 404, "RESOURCE_DOES_NOT_EXIST", name)


def test_grants_by_the_kinds_name_and_by_function(site: Site, prompt: str) -> None:
    user, token = site.user()
    place = prompt.split(".")
    for kind, full in (("catalog", place[0]), ("schema", ".".join(place[:2]))):
        changes = [{"principal": user, "add": ["USE_CATALOG"] if kind == "catalog" else ["USE_SCHEMA"]}]
        site.ok("PATCH", f"{UC}/permissions/{kind}/{full}", {"changes": changes})
    refused(
        site.call("GET", f"{PROMPTS}/{prompt}/versions/1", token=token),
        403,
        "PERMISSION_DENIED",
        f"EXECUTE on Prompt '{prompt}'",
    )
    for kind in ("prompt", "function"):
        path = f"{UC}/permissions/{kind}/{prompt}"
        site.ok("PATCH", path, {"changes": [{"principal": user, "add": ["EXECUTE"]}]})
        assert site.ok("GET", f"{PROMPTS}/{prompt}/versions/1", token=token)["version"] == "1"
        site.ok("PATCH", path, {"changes": [{"principal": user, "remove": ["EXECUTE"]}]})
        refused(site.call("GET", f"{PROMPTS}/{prompt}/versions/1", token=token), 403, "PERMISSION_DENIED")
    refused(
        site.call(
            "PATCH",
            f"{UC}/permissions/prompt/{prompt}",
            {"changes": [{"principal": user, "add": ["CREATE_MODEL_VERSION"]}]},
        ),
        400,
        INVALID,
    )


def test_the_pages_own_calls(site: Site, prompt: str) -> None:
    catalog, schema, _ = prompt.split(".")
    listed = site.ok("GET", f"{V1}/prompts", {"catalog_name": catalog, "schema_name": schema})["prompts"]
    assert [row["full_name"] for row in listed] == [prompt]
    site.ok("POST", f"{PROMPTS}/{prompt}/aliases/live", {"version": "1"})
    answer = site.ok("PATCH", f"{V1}/prompts/{prompt}", {"comment": "new", "owner": "admin"})
    assert (answer["comment"], answer["owner"], answer["aliases"]) == ("new", "admin", {"live": 1})
    stale = site.call("PATCH", f"{V1}/prompts/{prompt}", {"comment": "newer", "etag": "another"})
    refused(stale, 409, "RESOURCE_CONFLICT", "changed since you read it")
    site.ok("PATCH", f"{V1}/prompts/{prompt}", {"comment": "new", "etag": answer["etag"]})
    site.ok("PATCH", f"{V1}/prompts/{prompt}/versions/1", {"comment": "why"})
    tags = f"{UC}/subentity-tags/prompt/{prompt}/1"
    site.ok("PATCH", tags, {"changes": {"add_tags": [{"key": "k", "value": "v"}]}})
    version = site.ok("GET", f"{V1}/prompts/{prompt}/versions/1")
    assert (version["comment"], version["type"], version["tags"], version["aliases"]) == (
        "why",
        "text",
        [{"key": "k", "value": "v"}],
        ["live"],
    )
    refused(
        site.call("PATCH", tags, {"changes": {"add_tags": [{"key": "_mlflow_prompt_type", "value": "chat"}]}}),
        400,
        INVALID,
    )
    assert site.ok("GET", f"{V1}/prompts/{prompt}/links") == {"links": [], "next_page_token": ""}
    assert "versions" in site.ok("GET", f"{V1}/prompts/{prompt}/versions")
    assert site.ok("GET", f"{V1}/can/prompt/{prompt}")["operations"]["get_prompt"] is True
    answer = site.ok(
        "GET",
        f"{V1}/explain",
        {"securable_type": "prompt", "full_name": prompt, "operation": "set_prompt_alias", "about": "live"},
    )
    assert answer["allowed"] is True


def test_browse_shows_metadata_alone(site: Site, prompt: str) -> None:
    user, token = site.user()
    site.ok(
        "PATCH",
        f"{UC}/permissions/catalog/{prompt.split('.')[0]}",
        {"changes": [{"principal": user, "add": ["BROWSE"]}]},
    )
    answer = site.ok("GET", f"{V1}/prompts/{prompt}", token=token)
    assert (answer["browse_only"], answer["tags"], answer["aliases"], answer["newest_version"]) == (True, [], {}, None)
    refused(site.call("GET", f"{V1}/prompts/{prompt}/versions/1", token=token), 403, "PERMISSION_DENIED")


def test_a_renamed_prompt_keeps_everything_but_its_name(site: Site) -> None:
    schema = site.model().rpartition(".")[0]
    old, new = f"{schema}.old", f"{schema}.new"
    site.ok(
        "POST",
        PROMPTS,
        {"name": old, "prompt": {"name": old, "description": "d", "tags": [{"key": "t", "value": "v"}]}},
    )
    register(site, old, "Hello {{name}}")
    site.ok("POST", f"{PROMPTS}/{old}/aliases/live", {"name": old, "alias": "live", "version": "1"})
    user, token = site.user()
    site.allow(user, "catalog", schema.partition(".")[0], "USE_CATALOG", "USE_SCHEMA")
    site.allow(user, "prompt", old, "EXECUTE")
    path = f"{V1}/prompts/{old}"
    for name, words in (
        ("a b", "space"),
        ("x.y", "not the full name"),
        ("elsewhere.s.new", "stays in its schema"),
        ("", "name"),
        ("a+b", "hyphens"),
    ):
        refused(site.call("PATCH", path, {"new_name": name}), 400, INVALID, words)
    refused(site.call("PATCH", path, {"new_name": "new"}, token=token), 403, "PERMISSION_DENIED")
    site.ok("POST", f"{DATABRICKS_UC}/registered-models/create", {"name": f"{schema}.taken"})
    refused(site.call("PATCH", path, {"new_name": "taken"}), 409, "RESOURCE_ALREADY_EXISTS")
    refused(site.call("PATCH", path, {"new_name": "taken", "comment": "lost"}), 409, "RESOURCE_ALREADY_EXISTS")
    answer = site.ok("PATCH", path, {"new_name": "new", "comment": "moved"})
    assert (answer["full_name"], answer["comment"], answer["aliases"]) == (new, "moved", {"live": 1})
    assert site.ok("GET", f"{PROMPTS}/{new}/versions/by-alias/live", token=token)["template"] == '"Hello {{name}}"'
    refused(site.call("GET", f"{PROMPTS}/{old}"), 404, "RESOURCE_DOES_NOT_EXIST")
    # The old name is free, and resurrects nothing.
    site.ok("POST", PROMPTS, {"name": old, "prompt": {"name": old}})
    refused(site.call("GET", f"{PROMPTS}/{old}", token=token), 403, "PERMISSION_DENIED")
