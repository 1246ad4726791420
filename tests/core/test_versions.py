"""What versions do beyond access: their provenance, their signature, their way from PENDING to READY, and copies."""

from typing import Any

import msgspec
import pytest
from world import MLMODEL, World, name

from modelkeep.core.operation import SourceDataset, SourceOrigin, SourceRun
from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.files import credentials
from modelkeep.core.operations.models import finalize, lineage, models, versions
from modelkeep.core.operations.models.run_metrics import last_metrics
from modelkeep.domain.errors import InvalidArgument, LimitExceeded, NotFound, WrongState
from modelkeep.domain.model import Metric, ModelVersion, Page, Param
from modelkeep.jobs.tasks import WorkerContext, reap

pytest_plugins = ("backends", "places")
pytestmark = pytest.mark.anyio

M, OTHER = "prod.ml.churn", "prod.ml.other"


async def test_a_new_version_waits_for_its_files(lite: World) -> None:
    await lite.model(M)
    version = await lite.pending(M, {}, source="dbfs:/x", run_id="r", comment="why", tags={"mlflow.a": "1"})
    assert (version.status, version.version, version.source, version.run_id, version.comment) == (
        "PENDING_REGISTRATION",
        1,
        "dbfs:/x",
        "r",
        "why",
    )
    assert version.tags == {"mlflow.a": "1"} and version.logged_model_id.startswith("m-") and version.artifact_set_id
    with pytest.raises(InvalidArgument, match="has no MLmodel file"):
        await lite.as_("admin").do(finalize.FinalizeVersion(name(M), 1))
    with pytest.raises(WrongState, match="once it is READY"):
        await lite.as_("admin").do(credentials.ReadCredentials(name(M), 1))
    await lite.upload(version, {"MLmodel": MLMODEL})
    done = await lite.as_("admin").do(finalize.FinalizeVersion(name(M), 1))
    assert done.status == "READY" and '"inputs"' in done.signature
    with pytest.raises(WrongState, match="final"):
        await lite.as_("admin").do(credentials.WriteCredentials(name(M), 1))


@pytest.mark.parametrize(
    ("mlmodel", "said"),
    [
        (b"flavors: {}", "no signature"),
        (b"flavors: {}\nsignature: {inputs: '[{}]'}", "only inputs"),
        (b"a: &a [*a]", "holds itself"),
        (b"\xff", "not plain YAML"),
    ],
)
async def test_a_version_without_a_whole_signature_stays_pending_and_may_be_mended(
    lite: World, mlmodel: bytes, said: str
) -> None:
    await lite.model(M)
    version = await lite.pending(M, {"MLmodel": mlmodel})
    with pytest.raises(InvalidArgument, match=said):
        await lite.as_("admin").do(finalize.FinalizeVersion(name(M), 1))
    await lite.upload(version, {"MLmodel": MLMODEL})
    assert (await lite.as_("admin").do(finalize.FinalizeVersion(name(M), 1))).status == "READY"


async def test_what_never_finalized_fails_frees_its_files_and_is_recorded(lite: World) -> None:
    await lite.model(M)
    version = await lite.pending(M)
    ready = await lite.version(M)
    await reap(WorkerContext(lite.db, lite.blobs, lite.registry.auditor, -1))
    fields = {v.version: v for v in (await lite.as_("admin").do(versions.ListVersions(name(M)))).items}
    assert (fields[1].status, fields[1].status_message, fields[1].artifact_set_id) == (
        "FAILED_REGISTRATION",
        "The files were never finalized.",
        "",
    )
    assert fields[2].status == "READY" and fields[2].artifact_set_id == ready.artifact_set_id
    assert await lite.rows("SELECT key FROM jobs WHERE task = 'purge'") == [(version.artifact_set_id,)]
    (event,) = (await lite.as_("admin").do(audit_log.FindAudit(event="version.expire"))).items
    assert event.actor == "modelkeep" and event.targets[0].name == f"{M}/1"
    await lite.as_("admin").do(versions.DeleteVersion(name(M), 1))


async def test_limits_of_what_comes_with_a_version(lite: World) -> None:
    await lite.model(M)
    for fields in (
        {"source": "x" * 2001},
        {"comment": "x" * 65_536},
        {"tags": {f"mlflow.k{i}": "" for i in range(51)}},
    ):
        with pytest.raises(LimitExceeded):
            await lite.as_("admin").do(versions.CreateVersion(name=name(M), **fields))  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="must not contain"):
        await lite.as_("admin").do(versions.CreateVersion(name=name(M), tags={"a\tb": ""}))
    assert (await lite.find(M)).last_version == 0


async def test_a_server_copy_keeps_tags_and_description_and_not_aliases(lite: World) -> None:
    await lite.model(M)
    await lite.model(OTHER)
    source = await lite.version(M, comment="why", run_id="r", tags={"mlflow.a": "1"})
    admin = lite.as_("admin")
    await admin.do(models.SetAlias(name(M), "champion", 1))
    copy: ModelVersion = await admin.do(versions.CopyVersion(name(M), 1, name(OTHER)))
    assert (copy.model, copy.version, copy.status, copy.artifact_set_id) == (OTHER, 1, "READY", source.artifact_set_id)
    assert (copy.comment, copy.tags, copy.aliases, copy.run_id, copy.source) == (
        "why",
        {"mlflow.a": "1"},
        [],
        "r",
        f"models:/{M}/1",
    )
    assert copy.signature == (await admin.do(versions.GetVersion(name(M), 1))).signature and copy.id != source.id
    provenance = msgspec.json.decode(copy.copied_from, type=versions.Provenance)
    assert (provenance.version_id, provenance.kind) == (source.id, "server copy")
    await admin.do(versions.DeleteVersion(name(M), 1))
    assert (
        await admin.do(credentials.ReadCredentials(name(OTHER), 1))
    ).version.artifact_set_id == source.artifact_set_id


async def test_only_a_ready_version_is_copied(lite: World) -> None:
    await lite.model(M)
    await lite.pending(M)
    for request in (
        versions.CopyVersion(name(M), 1, name(M)),
        versions.CreateVersion(name=name(M), source_model=name(M), source_version="1"),
    ):
        with pytest.raises(WrongState, match="only a READY"):
            await lite.as_("admin").do(request)
    for version in ("2", "@none"):
        with pytest.raises(NotFound):
            await lite.as_("admin").do(
                versions.CreateVersion(name=name(M), source_model=name(M), source_version=version)
            )
    assert (await lite.find(M)).last_version == 1


async def test_a_copy_by_alias_comes_from_the_version_that_the_alias_names_now(lite: World) -> None:
    await lite.model(M)
    await lite.version(M, {"MLmodel": MLMODEL, "x": b"1"})
    second = await lite.version(M, {"MLmodel": MLMODEL, "x": b"2"})
    await lite.as_("admin").do(models.SetAlias(name(M), "champion", 2))
    copy = await lite.as_("admin").do(
        versions.CreateVersion(name=name(M), source_model=name(M), source_version="@champion")
    )
    assert msgspec.json.decode(copy.copied_from, type=versions.Provenance).version_id == second.id


async def test_what_old_clients_add_to_a_download_does_not_make_a_copy_another_model(lite: World) -> None:
    await lite.model(M)
    source = await lite.version(M)
    files = {"MLmodel": MLMODEL, "model.pkl": b"\x80\x04K*.", "registered_model_meta": b"model_name: x"}
    copy = await lite.version(M, files, source_model=name(M), source_version="1")
    assert copy.artifact_set_id == source.artifact_set_id


async def test_files_that_change_while_they_are_checked_are_checked_again(lite: World) -> None:
    from modelkeep.core.table import BY_NAME
    from modelkeep.domain.errors import Conflict

    await lite.model(M)
    version = await lite.pending(M)
    operation = BY_NAME["finalize_version"]
    assert operation.prepare is not None

    async def interfere(ctx: Any, db: Any, request: Any, model: Any) -> Any:
        assert operation.prepare is not None
        checked = await operation.prepare(ctx, db, request, model)
        await lite.upload(version, {"MLmodel": b"flavors: {}"})
        return checked

    from modelkeep.core import engine

    changed = msgspec.structs.replace(operation, prepare=interfere)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(engine.BY_REQUEST, finalize.FinalizeVersion, changed)
        with pytest.raises(Conflict, match="Finalize again"):
            await lite.as_("admin").do(finalize.FinalizeVersion(name(M), 1))
    with pytest.raises(InvalidArgument, match="no signature"):
        await lite.as_("admin").do(finalize.FinalizeVersion(name(M), 1))


class Run:
    """A workspace with one run, which alice may read."""

    def __init__(self) -> None:
        source = '{"delta_table_name": "Prod.ML.Features", "delta_table_version": 12}'
        self.run = SourceRun(
            "7",
            (Param("depth", "3"),),
            (Metric("auc", 0.5),),
            (
                SourceDataset("d", "delta_table", source, "training"),
                SourceDataset("e", "delta_table", '{"path": "/x"}', "evaluation"),
                SourceDataset("f", "delta_table", "[not json", ""),
                SourceDataset("g", "http", '{"url": "x"}', ""),
            ),
        )

    async def source_run(self, actor: Any, run_id: str) -> SourceRun | None:
        return self.run if actor.name == "alice" and run_id == "r" else None

    async def source_logged_model(self, actor: Any, model_id: str) -> SourceRun | None:
        return (
            SourceRun("7", (), (Metric("own", 1.0),), (), "r") if actor.name == "alice" and model_id == "m-1" else None
        )

    async def may(self, actor: Any, kind: str, id: str, *, write: bool) -> None:
        raise NotFound("no")

    async def places(self, actor: Any, origin: SourceOrigin) -> tuple[SourceOrigin, ...]:
        raise NotFound("no")


@pytest.mark.parametrize(
    ("of_model", "of_run", "models_of_run", "result"),
    [
        # One model, logged after a loop of steps: MLflow gives it the first step, and the run has the last one.
        ((Metric("loss", 1.0),), (Metric("loss", 0.25, step=29),), 1, {("loss", 0.25, 29)}),
        (
            (Metric("loss", 1.0), Metric("auc", 0.9)),
            (Metric("loss", 0.25, step=29), Metric("auc", 0.9)),
            1,
            {("loss", 0.25, 29), ("auc", 0.9, 0)},
        ),
        # Steps that begin with 1 never reach the model.
        (
            (Metric("auc", 0.9),),
            (Metric("epoch_loss", 0.5, step=3), Metric("auc", 0.9)),
            1,
            {("auc", 0.9, 0), ("epoch_loss", 0.5, 3)},
        ),
        ((Metric("loss", "NaN"),), (Metric("loss", "Infinity", step=2),), 1, {("loss", "Infinity", 2)}),
        # A checkpoint keeps the values of its own step.
        ((Metric("loss", 0.6, step=10),), (Metric("loss", 0.25, step=29),), 1, {("loss", 0.6, 10)}),
        ((Metric("loss", 1.0),), (Metric("loss", 0.25, step=29),), 3, {("loss", 1.0, 0)}),
        # Each dataset has a value of its own, and the run's last one is of one of them.
        (
            (Metric("auc", 0.8, dataset_name="a"), Metric("auc", 0.7, dataset_name="b")),
            (Metric("auc", 0.7, step=1, dataset_name="b"),),
            1,
            {("auc", 0.8, 0), ("auc", 0.7, 0)},
        ),
        ((), (Metric("loss", 0.25, step=29),), 1, {("loss", 0.25, 29)}),
    ],
)
def test_a_version_keeps_the_last_step_of_its_metrics(
    of_model: tuple[Metric, ...], of_run: tuple[Metric, ...], models_of_run: int, result: set[tuple[str, Any, int]]
) -> None:
    run = SourceRun("7", (), of_run, models=models_of_run)
    assert {(metric.key, metric.value, metric.step) for metric in last_metrics(of_model, run)} == result


async def test_a_version_keeps_what_its_creator_may_read_of_the_run(lite: World) -> None:
    await lite.model(
        M,
        owner="alice",
        alice="USE_CATALOG@prod+USE_SCHEMA@prod.ml",
        eve="CREATE_MODEL_VERSION+USE_CATALOG@prod+USE_SCHEMA@prod.ml",
    )
    lite.engine.services = msgspec.structs.replace(lite.engine.services, tracking=Run())
    seen = await lite.as_("alice").do(versions.CreateVersion(name=name(M), run_id="r"))
    assert (seen.params, seen.experiment_id, [m.key for m in seen.metrics]) == ([Param("depth", "3")], "7", ["auc"])
    unseen = await lite.as_("eve").do(versions.CreateVersion(name=name(M), run_id="r", logged_model_id="m-1"))
    assert (unseen.params, unseen.metrics, unseen.run_id, unseen.experiment_id) == ([], [], "r", "")
    logged = await lite.as_("alice").do(versions.CreateVersion(name=name(M), logged_model_id="m-1"))
    assert (logged.params, [m.key for m in logged.metrics], logged.logged_model_id) == (
        [Param("depth", "3")],
        ["own"],
        "m-1",
    )
    assert logged.run_id == "r"  # the run that it was logged in: the exporter of a version asks for it
    edges = (await lite.as_("alice").do(lineage.GetLineage(name(M), 1))).items
    assert {(e.entity_type, e.entity_name, e.context, e.entity_version) for e in edges} == {
        ("TABLE", "prod.ml.features", "training", "12"),
        ("PATH", "/x", "evaluation", ""),
    }
    assert (seen.workspace_id, unseen.workspace_id) == (lite.registry.settings.workspace_id, "")
    assert await lite.as_("alice").do(lineage.GetLineage(name(M), 2)) == Page(())
    consumers = (await lite.as_("alice").do(lineage.FindConsumers("table", "prod.ml.features"))).items
    assert {(e.model, e.version) for e in consumers} == {(M, 1), (M, 3)}


async def test_lineage_is_recorded_once_and_in_both_directions(lite: World) -> None:
    await lite.model(M)
    await lite.version(M)
    admin = lite.as_("admin")
    for _ in range(2):
        await admin.do(lineage.EmitLineage(name(M), 1, (lineage.Entity("JOB", "7"),)))
    edges = (await admin.do(lineage.GetLineage(name(M), 1))).items
    assert [(e.direction, e.entity_type, e.entity_name) for e in edges] == [("DOWNSTREAM", "JOB", "7")]
    with pytest.raises(InvalidArgument, match="at most 200"):
        await admin.do(lineage.EmitUpstream(name(M), 1, tuple(lineage.Entity("TABLE", str(i)) for i in range(201))))
    with pytest.raises(NotFound, match="Model version '2'"):
        await admin.do(lineage.EmitUpstream(name(M), 2, ()))
