"""Prompts on both databases: versions that never change, numbers, aliases, tags, searches, links, deletion, bounds."""

import asyncio
from typing import Any

import msgspec
import pytest
from world import World, name

from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import catalogs, explorer
from modelkeep.core.operations.governance import tag_policies
from modelkeep.core.operations.models import models, prompt_links, prompts, protected_aliases
from modelkeep.core.operations.models.prompt_links import LinkedVersion, LinkPrompts, ListPromptLinks
from modelkeep.core.operations.models.prompt_search import SearchPrompts
from modelkeep.domain.authorization import Actor
from modelkeep.domain.errors import (
    AlreadyExists,
    BadName,
    InvalidArgument,
    LimitExceeded,
    NotEmpty,
    NotFound,
    PermissionDenied,
)
from modelkeep.domain.names import FullName
from modelkeep.domain.prompt_templates import MODEL_CONFIG_TAG, TYPE_TAG
from modelkeep.jobs.check import findings

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

P = name("prod.ml.greet!PROMPT")
READER = "EXECUTE@prod.ml.greet!PROMPT+USE_CATALOG@prod+USE_SCHEMA@prod.ml"


def prompt(text: str) -> FullName:
    return name(f"prod.ml.{text}!PROMPT")


async def greet(w: World, *templates: str) -> None:
    await w.schema("prod.ml")
    await w.as_("admin").do(prompts.CreatePrompt(P, "Says hello", {"team": "a"}))
    for template in templates:
        await w.as_("admin").do(prompts.CreatePromptVersion(P, template))


async def everything(w: World, request: Any) -> list[Any]:
    """All pages of a list, one item at a time where it says so."""
    items: list[Any] = []
    while True:
        page = await w.as_("admin").do(request)
        items += page.items
        if not page.next_token:
            return items
        request = msgspec.structs.replace(request, page_token=page.next_token)


async def test_64_parallel_registrations_get_64_numbers_and_one_prompt(w: World) -> None:
    await w.schema("prod.ml")
    admin = w.as_("admin")

    async def register(text: str) -> int:
        try:
            await admin.do(prompts.CreatePrompt(P))
        except AlreadyExists as error:
            assert error.kind == "PROMPT"
        version = await admin.do(prompts.CreatePromptVersion(P, text))
        assert version.template == text
        return version.version

    await w.actor("admin")
    numbers = await asyncio.gather(*(register(f'"{i}"') for i in range(64)))
    assert sorted(numbers) == list(range(1, 65))
    assert await w.count("securables WHERE kind = 'PROMPT'") == 1
    listed = await everything(w, prompts.ListPromptVersions(P, 10))
    assert [version.version for version in listed] == list(range(64, 0, -1))


async def test_a_number_is_never_used_again_and_latest_is_the_newest(w: World) -> None:
    await greet(w, '"1"', '"2"')
    admin = w.as_("admin")
    latest = prompts.GetPromptVersionByAlias(P, "latest")
    assert (await admin.do(latest)).version == 2
    await admin.do(prompts.SetPromptAlias(P, "live", 2))
    await admin.do(prompts.DeletePromptVersion(P, 2))
    assert (await admin.do(latest)).version == 1
    assert (await admin.do(prompts.CreatePromptVersion(P, '"3"'))).version == 3
    assert (await admin.do(prompts.GetPrompt(P))).aliases == {}
    with pytest.raises(NotFound):
        await admin.do(prompts.GetPromptVersionByAlias(P, "live"))
    assert [text async for text in findings(w.db, w.blobs)] == []


async def test_a_version_keeps_its_template_and_type(w: World) -> None:
    await greet(w, '[{"role": "user", "content": "x"}]')
    admin = w.as_("admin")
    before = await admin.do(prompts.GetPromptVersion(P, 1))
    assert before.tags == {TYPE_TAG: "chat"}
    same = prompts.UpdatePromptVersion(P, 1, "why", before.template)
    assert (await admin.do(same)).comment == "why"
    refused: list[msgspec.Struct] = [
        prompts.UpdatePromptVersion(P, 1, "why", '"other"'),
        prompts.ChangePromptVersionTags(P, 1, {TYPE_TAG: "text"}),
        prompts.ChangePromptVersionTags(P, 1, remove=(TYPE_TAG,)),
        prompts.ChangePromptVersionTags(P, 1, {"_mlflow_prompt_response_format": "{}"}),
    ]
    for request in refused:
        with pytest.raises(InvalidArgument):
            await admin.do(request)
    await admin.do(prompts.ChangePromptVersionTags(P, 1, {MODEL_CONFIG_TAG: '{"model_name": "m"}', "author": "me"}))
    after = await admin.do(prompts.GetPromptVersion(P, 1))
    assert after.tags == {TYPE_TAG: "chat", MODEL_CONFIG_TAG: '{"model_name": "m"}', "author": "me"}
    assert await w.rows("SELECT key FROM tags WHERE version = 1") == [("author",)]  # the others are part of the version


async def test_names_are_shared_with_models_and_one_word_says_which(w: World) -> None:
    await greet(w)
    await w.model("prod.ml.churn")
    admin = w.as_("admin")
    for request, kind in (
        (prompts.CreatePrompt(P), "PROMPT"),
        (prompts.CreatePrompt(prompt("churn")), "MODEL"),
        (models.CreateModel(name("prod.ml.greet")), "PROMPT"),
    ):
        with pytest.raises(AlreadyExists) as error:
            await admin.do(request)
        assert error.value.kind == kind
    for request in (models.GetModel(name("prod.ml.greet")), prompts.GetPrompt(prompt("churn"))):
        with pytest.raises(NotFound):
            await admin.do(request)


@pytest.mark.parametrize("text", ["with space", "ümlaut", "a%41", "a?b", "a#b", "模型"])
async def test_a_new_prompts_name_can_be_written_into_a_path(lite: World, text: str) -> None:
    await lite.schema("prod.ml")
    with pytest.raises(BadName):
        await lite.as_("admin").do(prompts.CreatePrompt(FullName(("prod", "ml", text), P.leaf)))


async def test_aliases_are_bounded_and_can_be_protected(w: World) -> None:
    await greet(w, '"1"', '"2"')
    admin = w.as_("admin")
    await w.grant("keeper", "MANAGE@prod.ml.greet!PROMPT+USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    for i in range(10):
        await admin.do(prompts.SetPromptAlias(P, f"a{i}", 1))
    with pytest.raises(LimitExceeded):
        await admin.do(prompts.SetPromptAlias(P, "eleventh", 1))
    await admin.do(prompts.SetPromptAlias(P, "a9", 2))
    assert (await admin.do(prompts.GetPromptVersion(P, 2))).aliases == ["a9"]
    await admin.do(protected_aliases.ProtectAlias(P, "a9", ("admin",)))
    for request in (
        prompts.SetPromptAlias(P, "a9", 1),
        prompts.DeletePromptAlias(P, "a9"),
        prompts.DeletePromptVersion(P, 2),
    ):
        with pytest.raises(PermissionDenied, match=r"Alias 'a9' is protected on Prompt 'prod\.ml\.greet'"):
            await w.as_("keeper").do(request)
    await w.as_("keeper").do(prompts.SetPromptAlias(P, "a8", 2))


async def test_governed_tags_apply_to_prompts_and_their_versions(w: World) -> None:
    await greet(w, '"1"')
    await w.as_("admin").do(tag_policies.CreateTagPolicy("grade", allowed=("a", "b")))
    await w.grant("tagger", "APPLY_TAG@prod.ml.greet!PROMPT+USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    for request in (
        models.ChangeTags(P, None, {"grade": "a"}),
        prompts.ChangePromptVersionTags(P, 1, {"grade": "a"}),
    ):
        with pytest.raises(PermissionDenied):
            await w.as_("tagger").do(request)
        with pytest.raises(InvalidArgument):
            await w.as_("admin").do(msgspec.structs.replace(request, set={"grade": "c"}))
        await w.as_("admin").do(request)
    await w.as_("tagger").do(prompts.ChangePromptVersionTags(P, 1, {"free": "x"}))


async def test_tags_are_limited_apart_from_those_of_the_version_itself(w: World) -> None:
    await greet(w, '"1"')
    fifty = {f"k{i}": "v" for i in range(50)}
    await w.as_("admin").do(prompts.ChangePromptVersionTags(P, 1, {**fifty, MODEL_CONFIG_TAG: "{}"}))
    for extra in ({"one_more": "v"}, {f"n{i}": "v" for i in range(3)}):
        with pytest.raises(LimitExceeded):
            await w.as_("admin").do(prompts.ChangePromptVersionTags(P, 1, extra))


async def test_a_search_reads_names_and_tags_and_pages(w: World) -> None:
    await greet(w)
    admin = w.as_("admin")
    for text in ("alpha", "beta", "gamma"):
        await admin.do(prompts.CreatePrompt(prompt(text), tags={"stage": text[0], "_mlflow_experiment_ids": ",1,12,"}))
    schema = name("prod.ml")

    async def search(filter: str, size: int = 100) -> list[str]:
        return [p.securable.name for p in await everything(w, SearchPrompts(schema, filter, size))]

    assert await search("") == await search("", 1) == ["alpha", "beta", "gamma", "greet"]
    for filter, expected in (
        ("name = 'beta'", ["beta"]),
        ("name = 'PROD.ml.Beta'", ["beta"]),
        ("name = 'other.ml.beta'", []),
        ("name = 'beta' AND tags.stage = 'x'", []),
        ("name LIKE '%a' AND tags.stage != 'g'", ["alpha", "beta"]),
        ("name LIKE 'prod.ml.g%'", ["gamma", "greet"]),
        ("name IN ('alpha', 'prod.ml.greet')", ["alpha", "greet"]),
        ("name NOT IN ('alpha', 'prod.ml.greet')", ["beta", "gamma"]),
        ("tags.`_mlflow_experiment_ids` LIKE '%,12,%'", ["alpha", "beta", "gamma"]),
        ("tags.stage = 'b'", ["beta"]),
        ("name ILIKE 'ALP%'", ["alpha"]),
    ):
        assert await search(filter) == await search(filter, 1) == expected, filter
    for filter in ("size = 1", "name", "name LIKE '%' OR name = 'x'", "name > 'a'"):
        with pytest.raises(InvalidArgument):
            await admin.do(SearchPrompts(schema, filter))
    token = (await admin.do(SearchPrompts(schema, "", 1))).next_token
    with pytest.raises(InvalidArgument):  # a token of another search
        await admin.do(SearchPrompts(schema, "name LIKE '%'", 1, token))


async def test_a_page_of_versions_is_bounded_by_characters(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompts, "PROMPT_PAGE_CHARACTERS", 25)
    await greet(w, *(f'"{"x" * 8}"' for _ in range(5)))
    first = await w.as_("admin").do(prompts.ListPromptVersions(P))
    assert [version.version for version in first.items] == [5, 4]
    assert [v.version for v in await everything(w, prompts.ListPromptVersions(P))] == [5, 4, 3, 2, 1]
    monkeypatch.setattr(prompts, "PROMPT_PAGE_CHARACTERS", 1)  # one at least
    assert [v.version for v in await everything(w, prompts.ListPromptVersions(P))] == [5, 4, 3, 2, 1]


async def test_people_find_what_they_may_read(w: World) -> None:
    await greet(w, '"1"')
    await w.as_("admin").do(prompts.SetPromptAlias(P, "canary_bird", 1))
    await w.grant("reader", READER)
    await w.user("stranger")
    for query in ("greet", "hello", "canary", "team:a", "prod.ml.greet"):
        for who, expected in (("admin", ["prod.ml.greet"]), ("reader", ["prod.ml.greet"]), ("stranger", [])):
            page = await w.as_(who).do(explorer.SearchSecurables(query, ("PROMPT",)))
            assert [item.securable.full_name for item in page.items] == expected, (query, who)
    page = await w.as_("admin").do(explorer.SearchSecurables("greet"))
    assert [(item.securable.kind, item.aliases) for item in page.items] == [("PROMPT", {"canary_bird": 1})]
    await w.as_("admin").do(catalogs.RenameSchema(name("prod.ml"), name("prod.ai")))
    page = await w.as_("reader").do(explorer.SearchSecurables("ai.greet"))
    assert [item.securable.full_name for item in page.items] == ["prod.ai.greet"]
    moved = name("prod.ai.greet!PROMPT")
    assert (await w.as_("reader").do(prompts.GetPromptVersion(moved, 1))).prompt == "prod.ai.greet"


async def test_a_deleted_prompt_leaves_nothing(w: World) -> None:
    await greet(w, '"1"', '"2"')
    await w.as_("admin").do(prompts.SetPromptAlias(P, "live", 2))
    await w.grant("reader", READER)
    with pytest.raises(NotEmpty):
        await w.as_("admin").do(prompts.DeletePrompt(P, force=False))
    await w.as_("admin").do(prompts.DeletePrompt(P))
    for table in ("prompt_versions", "prompt_links", "aliases", "tags"):
        assert await w.count(table) == 0, table
    await w.as_("admin").do(prompts.CreatePrompt(P))
    assert (await w.as_("admin").do(prompts.CreatePromptVersion(P, '"new"'))).version == 1


async def test_a_container_with_prompts_is_not_empty_and_goes_with_them(w: World) -> None:
    await greet(w, '"1"')
    with pytest.raises(NotEmpty):
        await w.as_("admin").do(catalogs.DeleteContainer(name("prod.ml"), False))
    await w.as_("admin").do(catalogs.DeleteContainer(name("prod"), True))
    assert await w.count("prompt_versions") == 0


async def test_check_tells_of_an_alias_that_points_nowhere(lite: World) -> None:
    await greet(lite, '"1"')
    await lite.as_("admin").do(prompts.SetPromptAlias(P, "live", 1))
    assert [text async for text in findings(lite.db, lite.blobs)] == []
    async with lite.db.write() as tx:
        await tx.run("UPDATE aliases SET version = 7 WHERE alias = 'live'")
    assert ["live" in text async for text in findings(lite.db, lite.blobs)] == [True]


# --- links -----------------------------------------------------------------------------------------------------------


class Runs:
    """A workspace in which each caller may change what begins with their own name, and read what ends with it."""

    async def may(self, actor: Actor, kind: str, id: str, *, write: bool) -> None:
        if id.startswith(actor.name) or (not write and id.endswith(actor.name)):
            return
        if id.startswith("hidden"):
            raise NotFound(f"Run '{id}' does not exist.")
        raise PermissionDenied("This needs EDIT.")

    async def describe(self, actor: Actor, kind: str, id: str) -> tuple[str, str]:
        await self.may(actor, kind, id, write=False)
        return "7", f"{kind} {id}"


@pytest.fixture
def tracked(w: World) -> World:
    services = msgspec.structs.replace(w.engine.services, tracking=Runs())  # type: ignore[arg-type]
    w.engine.services = services
    return w


async def test_a_link_needs_rights_at_both_ends_and_is_seen_by_those_who_may_read_both(tracked: World) -> None:
    w = tracked
    await greet(w, '"1"', '"2"')
    await w.grant("reader", READER)
    await w.user("other")

    def link(id: str, version: int = 1, prompt: FullName = P) -> LinkPrompts:
        return LinkPrompts((LinkedVersion(prompt, version),), "run", (id,))

    await w.as_("reader").do(link("reader/1"))
    await w.as_("reader").do(link("reader/1"))  # once more does no harm
    await w.as_("reader").do(link("reader/2/admin", 2))
    await w.as_("admin").do(link("admin/3"))
    for who, request, error in (
        ("reader", link("admin/9"), PermissionDenied),
        ("reader", link("hidden"), NotFound),
        ("other", link("other/1"), PermissionDenied),
        ("reader", link("reader/1", 9), NotFound),
        ("reader", link("reader/1", 1, prompt("none")), NotFound),
        ("reader", LinkPrompts((), "run", ("reader/1",)), InvalidArgument),
        (
            "reader",
            LinkPrompts((LinkedVersion(P, 1),), "run", tuple(f"reader/{i}" for i in range(101))),
            InvalidArgument,
        ),
    ):
        with pytest.raises(error):
            await w.as_(who).do(request)
    assert await w.count("prompt_links") == 3
    for who, expected in (("admin", ["admin/3", "reader/2/admin"]), ("reader", ["reader/2/admin", "reader/1"])):
        page = await w.as_(who).do(ListPromptLinks(P))
        assert [link.target_id for link in page.items] == expected
        assert [(link.experiment_id, link.name) for link in page.items] == [("7", f"run {id}") for id in expected]
    with pytest.raises(PermissionDenied):
        await w.as_("other").do(ListPromptLinks(P))
    assert len(await everything(w, ListPromptLinks(P, 1))) == 2
    await w.as_("admin").do(prompts.DeletePromptVersion(P, 2))
    assert await w.count("prompt_links") == 2


async def test_the_activity_of_a_prompt_hides_others_that_were_linked_with_it(tracked: World) -> None:
    w = tracked
    await greet(w, '"1"')
    other = name("secret.ml.plan!PROMPT")
    await w.schema("secret.ml")
    await w.as_("admin").do(prompts.CreatePrompt(other), prompts.CreatePromptVersion(other, '"x"'))
    await w.grant("keeper", "MANAGE@prod.ml.greet!PROMPT+USE_CATALOG@prod+USE_SCHEMA@prod.ml")
    both = (LinkedVersion(P, 1), LinkedVersion(other, 1))
    await w.as_("admin").do(LinkPrompts(both, "run", ("admin/1",)))
    for who, hidden in (("keeper", True), ("admin", False)):
        events = (await w.as_(who).do(audit_log.GetActivity(P))).items
        text = msgspec.json.encode([event for event in events if event.event == "prompt.link"], enc_hook=str).decode()
        assert "prod.ml.greet" in text
        assert ("secret.ml.plan" not in text) == hidden, who


async def test_links_of_a_prompt_are_bounded_and_the_oldest_gives_way(
    tracked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_links, "PROMPT_LINKS", 3)
    await greet(tracked, '"1"')
    for i in range(5):
        await tracked.as_("admin").do(LinkPrompts((LinkedVersion(P, 1),), "trace", (f"admin/{i}",)))
    page = await tracked.as_("admin").do(ListPromptLinks(P))
    assert [link.target_id for link in page.items] == ["admin/4", "admin/3", "admin/2"]


async def test_without_a_workspace_there_is_nothing_to_link(lite: World) -> None:
    await greet(lite, '"1"')
    with pytest.raises(NotFound):
        await lite.as_("admin").do(LinkPrompts((LinkedVersion(P, 1),), "run", ("r",)))
    assert (await lite.as_("admin").do(ListPromptLinks(P))).items == ()
