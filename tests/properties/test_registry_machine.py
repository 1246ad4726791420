"""A registry against a small model of itself: random versions, copies, aliases, tags, renames and deletions, compared after each."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from world import MLMODEL, World, name, new_place, world

from modelkeep.core.operations.models import finalize, models, versions
from modelkeep.domain.errors import NotFound, RegistryError
from modelkeep.jobs.check import findings
from modelkeep.jobs.tasks import WorkerContext, purge

NAMES = ("a", "b", "c")
FILES = ({"MLmodel": MLMODEL}, {"MLmodel": MLMODEL, "x": b"1"}, {"MLmodel": MLMODEL, "dir/x": b"2"})


@dataclass
class Version:
    files: int
    """Which of FILES it has"""
    set: str
    tags: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Model:
    id: str
    last: int = 0
    versions: dict[int, Version] = field(default_factory=dict[int, Version])
    aliases: dict[str, int] = field(default_factory=dict[str, int])
    tags: dict[str, str] = field(default_factory=dict[str, str])


class Registry(RuleBasedStateMachine):
    """`self.models` is what the registry should say."""

    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, Model] = {}
        self.ids: set[str] = set()

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="modelkeep-machine-")
        place = self.runner.run(new_place(Path(self.folder.name)))
        self.opened = world(place)
        self.w: World = self.runner.run(self.opened.__aenter__())
        self.runner.run(self.w.schema("c.s"))
        self.runner.run(self.w.own("c.s", "admin"))

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.opened.__aexit__(None, None, None))
            self.runner.close()
            self.folder.cleanup()

    def do(self, request: msgspec.Struct) -> Any:
        return self.runner.run(self.w.as_("admin").do(request))

    def refused(self, request: msgspec.Struct, error: type[RegistryError] = NotFound) -> None:
        try:
            self.do(request)
        except error:
            return
        raise AssertionError(f"{request} was not refused")

    # --- rules -------------------------------------------------------------------------------------------------------

    @rule(which=st.sampled_from(NAMES))
    def create(self, which: str) -> None:
        if which in self.models:
            self.refused(models.CreateModel(_full(which)), RegistryError)
            return
        model = self.do(models.CreateModel(_full(which)))
        assert model.securable.id not in self.ids, "an id was used again"
        self.ids.add(model.securable.id)
        self.models[which] = Model(model.securable.id)

    @rule(which=st.sampled_from(NAMES), files=st.integers(0, 2))
    def add_version(self, which: str, files: int) -> None:
        if which not in self.models:
            self.refused(versions.CreateVersion(name=_full(which)))
            return
        model = self.models[which]
        done = self.runner.run(self.w.version(f"c.s.{which}", dict(FILES[files]), "admin"))
        model.last += 1
        assert done.version == model.last
        model.versions[done.version] = Version(files, done.artifact_set_id)

    @rule(
        source=st.sampled_from(NAMES),
        version=st.integers(1, 4),
        destination=st.sampled_from(NAMES),
        uploads=st.one_of(st.none(), st.integers(0, 2)),
    )
    def copy(self, source: str, version: int, destination: str, uploads: int | None) -> None:
        """By the server, or as a client does it: with an upload of its own."""
        original = self.models[source].versions.get(version) if source in self.models else None
        if uploads is None:
            request: msgspec.Struct = versions.CopyVersion(_full(source), version, _full(destination))
        else:
            request = versions.CreateVersion(
                name=_full(destination), source_model=_full(source), source_version=str(version)
            )
        if original is None or (destination not in self.models and uploads is not None):
            self.refused(request)
            return
        result = self.do(request)
        if destination not in self.models:  # the server's own copy creates it
            created = self.do(models.GetModel(_full(destination)))
            self.ids.add(created.securable.id)
            self.models[destination] = Model(created.securable.id)
        target = self.models[destination]
        target.last += 1
        assert result.version == target.last
        if uploads is None:
            assert result.artifact_set_id == original.set
            target.versions[result.version] = Version(original.files, original.set, dict(original.tags))
            return
        self.runner.run(self.w.upload(result, FILES[uploads]))
        done = self.do(finalize.FinalizeVersion(_full(destination), result.version))
        assert (done.artifact_set_id == original.set) == (uploads == original.files)
        target.versions[result.version] = Version(uploads, done.artifact_set_id)

    @rule(which=st.sampled_from(NAMES), version=st.integers(1, 4))
    def delete_version(self, which: str, version: int) -> None:
        request = versions.DeleteVersion(_full(which), version)
        if which not in self.models or version not in self.models[which].versions:
            self.refused(request)
            return
        self.do(request)
        model = self.models[which]
        del model.versions[version]
        model.aliases = {alias: target for alias, target in model.aliases.items() if target != version}

    @rule(which=st.sampled_from(NAMES), version=st.integers(1, 4), alias=st.sampled_from("xyX"))
    def set_alias(self, which: str, version: int, alias: str) -> None:
        request = models.SetAlias(_full(which), alias, version)
        if which not in self.models or version not in self.models[which].versions:
            self.refused(request)
            return
        self.do(request)
        self.models[which].aliases[alias] = version

    @rule(which=st.sampled_from(NAMES), alias=st.sampled_from("xyX"))
    def delete_alias(self, which: str, alias: str) -> None:
        if which in self.models:
            self.do(models.DeleteAlias(_full(which), alias))
            self.models[which].aliases.pop(alias, None)

    @rule(
        which=st.sampled_from(NAMES),
        version=st.one_of(st.none(), st.integers(1, 4)),
        key=st.sampled_from("kK"),
        value=st.sampled_from(["", "1", None]),
    )
    def tag(self, which: str, version: int | None, key: str, value: str | None) -> None:
        change = models.ChangeTags(
            _full(which), version, {} if value is None else {key: value}, (key,) if value is None else ()
        )
        if which not in self.models or (version is not None and version not in self.models[which].versions):
            self.refused(change)
            return
        self.do(change)
        model = self.models[which]
        tags = model.tags if version is None else model.versions[version].tags
        tags.pop(key, None)
        if value is not None:
            tags[key] = value

    @precondition(lambda self: self.models)
    @rule(old=st.sampled_from(NAMES), new=st.sampled_from(NAMES))
    def rename(self, old: str, new: str) -> None:
        request = models.RenameModel(_full(old), _full(new))
        if old not in self.models or (new in self.models and new != old):
            self.refused(request, RegistryError)
            return
        self.do(request)
        self.models[new] = self.models.pop(old)

    @rule(which=st.sampled_from(NAMES))
    def delete(self, which: str) -> None:
        if which in self.models:
            self.do(models.DeleteModel(_full(which)))
            del self.models[which]

    @rule()
    def purge_all(self) -> None:
        background = WorkerContext(self.w.db, self.w.blobs, self.w.registry.auditor, 0)
        for (key,) in self.runner.run(self.w.rows("SELECT key FROM jobs WHERE task = 'purge'")):
            self.runner.run(purge(background, key))
        for set_id in {v.set for m in self.models.values() for v in m.versions.values()}:
            assert self.runner.run(_objects(self.w, set_id))

    # --- what must always be so --------------------------------------------------------------------------------------

    @invariant()
    def the_registry_says_the_same(self) -> None:
        if not hasattr(self, "w"):
            return
        listed = self.do(models.ListModels(name("c.s"))).items
        assert {m.name: (m.id, m.last_version, m.tags) for m in listed} == {
            n: (m.id, m.last, m.tags) for n, m in self.models.items()
        }
        for which, model in self.models.items():
            assert self.do(models.GetModel(_full(which))).aliases == model.aliases
            items = self.do(versions.ListVersions(_full(which))).items
            assert {v.version: (v.artifact_set_id, v.tags, sorted(v.aliases)) for v in items} == {
                number: (v.set, v.tags, sorted(a for a, target in model.aliases.items() if target == number))
                for number, v in model.versions.items()
            }

    @invariant()
    def references_are_counted_right(self) -> None:
        if not hasattr(self, "w"):
            return
        counted = dict[str, int]()
        for model in self.models.values():
            for version in model.versions.values():
                counted[version.set] = counted.get(version.set, 0) + 1
        rows = self.runner.run(self.w.rows("SELECT id, refs FROM artifact_sets WHERE state <> 'deleting'"))
        assert dict(rows) == counted
        assert self.runner.run(_problems(self.w)) == []


def _full(which: str) -> Any:
    return name(f"c.s.{which}")


async def _objects(w: World, set_id: str) -> bool:
    return bool(await w.blobs.list_set(set_id))


async def _problems(w: World) -> list[str]:
    return [text async for text in findings(w.db, w.blobs)]


Registry.TestCase.settings = settings(max_examples=20, stateful_step_count=30)
TestRegistry = Registry.TestCase
