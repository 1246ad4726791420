"""Drafts of descriptions: what the language model is told and what not, and every way in which it may fail."""

import json
from collections.abc import Iterator

import msgspec
import pytest
from api.filing import FS, MLMODEL
from api.serving import DATABRICKS_UC, UC, V1, Site, refused, site
from completions import Completions, completions

from modelkeep import description_generator
from modelkeep.domain.errors import InvalidArgument

__all__ = ["site"]


@pytest.fixture(scope="module")
def model(site: Site) -> str:
    """One version, READY."""
    name = site.model(versions=1)
    assert site.call("PUT", f"{FS}/files/Models/{name.replace('.', '/')}/1/MLmodel", content=MLMODEL).status_code == 204
    site.ok("POST", f"{DATABRICKS_UC}/model-versions/finalize", {"name": name, "version": "1"})
    site.ok("PUT", f"{UC}/models/{name}/aliases/Champion", {"version_num": 1})
    site.ok(
        "PATCH", f"{UC}/securable-tags/function/{name}", {"changes": {"add_tags": [{"key": "task", "value": "churn"}]}}
    )
    return name


@pytest.fixture
def scribe(site: Site) -> Iterator[Completions]:
    """The language model that the server asks."""
    before = site.registry.engine.services
    with completions() as answer:
        mine = description_generator.Writer(answer.url, "small-1", "the key")
        site.registry.engine.services = msgspec.structs.replace(before, writer=mine)
        yield answer
    site.registry.engine.services = before


def test_without_settings_it_is_said_how_to_set_it(site: Site, model: str) -> None:
    answer = site.call("POST", f"{V1}/models/{model}/draft-comment")
    said = refused(answer, 400, "INVALID_STATE", "MODELKEEP_AI_URL", "MODELKEEP_AI_MODEL")
    assert site.ok("GET", f"{V1}/me")["no_drafts"] == said


def test_a_draft_is_told_and_not_saved(site: Site, model: str, scribe: Completions) -> None:
    scribe.say("  ## Use\n\nPredicts **churn**.\n")
    _, token = site.user()
    assert site.ok("GET", f"{V1}/me", token=token)["no_drafts"] == ""
    draft = site.ok("POST", f"{V1}/models/{model}/draft-comment")
    assert draft == {"comment": "## Use\n\nPredicts **churn**.", "model": "small-1"}
    assert site.ok("GET", f"{UC}/models/{model}")["comment"] == ""
    path, headers, body = scribe.requests[0]
    assert (path, headers["authorization"], body["model"]) == ("/v1/chat/completions", "Bearer the key", "small-1")
    facts = json.loads(body["messages"][1]["content"])
    assert (facts["registered_model"], facts["tags"], facts["aliases"]) == (model, {"task": "churn"}, {"Champion": 1})
    [version] = facts["versions"]
    assert set(version) <= {"version", "description", "tags", "signature", "params", "metrics"}
    assert "inputs" in json.loads(version["signature"])
    site.ok("POST", f"{V1}/models/{model}/versions/1/draft-comment")
    assert json.loads(scribe.requests[1][2]["messages"][1]["content"])["only_version"] == 1
    events = site.ok("GET", f"{V1}/activity/function/{model}")["events"]
    assert [event["event"] for event in events[:2]] == ["version.draft", "model.draft"]


def test_only_who_may_change_the_description_gets_a_draft(site: Site, model: str, scribe: Completions) -> None:
    person, token = site.user()
    catalog = model.partition(".")[0]
    site.allow(person, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    refused(site.call("POST", f"{V1}/models/{model}/draft-comment", token=token), 403, "PERMISSION_DENIED")
    refused(site.call("POST", f"{V1}/models/{model}/versions/1/draft-comment", token=token), 403, "PERMISSION_DENIED")
    assert isinstance(site.ok("GET", f"{V1}/can/function/{model}", token=token)["operations"]["draft_comment"], str)
    assert scribe.requests == []


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (401, b"{}", "answers 401. The operator looks at MODELKEEP_AI_KEY."),
        (500, b"{}", "answers 500. Try again in a moment."),
        (302, b"", "answers 302."),
        (200, b"{", "does not answer as OpenAI's chat completions do."),
        (200, b'{"choices": []}', "wrote nothing."),
        (
            200,
            b" " * (description_generator.MAX_BYTES + 1),
            f"answers more than {description_generator.MAX_BYTES} bytes.",
        ),
    ],
)
def test_whatever_it_does_is_one_sentence(
    site: Site, model: str, scribe: Completions, status: int, answer: bytes, words: str
) -> None:
    scribe.fail(status, answer, **({"location": f"{scribe.url}/elsewhere"} if status == 302 else {}))
    refused(site.call("POST", f"{V1}/models/{model}/draft-comment"), 503, "TEMPORARILY_UNAVAILABLE", words)
    assert len(scribe.requests) == 1


def test_one_that_is_away_or_busy(site: Site, model: str, scribe: Completions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description_generator, "MAX_AT_ONCE", 0)
    refused(site.call("POST", f"{V1}/models/{model}/draft-comment"), 429, "RESOURCE_EXHAUSTED", "in a moment")
    monkeypatch.undo()
    away = msgspec.structs.replace(
        site.registry.engine.services, writer=description_generator.Writer("http://127.0.0.1:9/v1", "x")
    )
    site.registry.engine.services = away
    refused(site.call("POST", f"{V1}/models/{model}/draft-comment"), 503, "TEMPORARILY_UNAVAILABLE", "does not answer")


def test_settings_that_mean_nothing() -> None:
    assert description_generator.from_settings("", "", "") is None
    for url, model, key in (
        ("ftp://x/v1", "m", ""),
        ("http://x/v1", "", ""),
        ("", "m", ""),
        ("http://u@x/v1", "m", ""),
    ):
        with pytest.raises(InvalidArgument):
            description_generator.from_settings(url, model, key)
