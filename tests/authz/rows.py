"""The world of the authorization tests: one actor of each kind, and one request (or more) of each operation."""

from collections.abc import Callable
from typing import Any

import msgspec
from world import World, chunks, name

from modelkeep.blobs.delta_reader import DeltaHistory, DeltaReader, DeltaSample
from modelkeep.blobs.port import TemporaryCredentials
from modelkeep.core.operations.audit import audit_log
from modelkeep.core.operations.catalog import (
    bindings,
    catalogs,
    explorer,
    functions,
    metastores,
    model_search,
    objects,
    tables,
    volumes,
    workspaces,
)
from modelkeep.core.operations.files import (
    credentials,
    directories,
    files,
    uploads,
    workspace_files,
    workspace_permissions,
)
from modelkeep.core.operations.governance import explain, grants, tag_policies
from modelkeep.core.operations.identity import (
    access_requests,
    federation,
    group_members,
    identities,
    principal_deletion,
    principals,
    secrets,
    token_users,
)
from modelkeep.core.operations.lineage import external_metadata, graph, links, run_events
from modelkeep.core.operations.models import (
    description_drafts,
    finalize,
    lineage,
    models,
    prompt_links,
    prompt_search,
    prompts,
    protected_aliases,
    signed_registration,
    versions,
)
from modelkeep.core.operations.serving import endpoints
from modelkeep.core.operations.serving import permissions as endpoint_permissions
from modelkeep.core.operations.tables import contents as table_contents
from modelkeep.core.operations.tables import credentials as table_credentials
from modelkeep.core.operations.tables import delta_commits, delta_tables, external_locations, validation
from modelkeep.domain.kinds import Kind
from modelkeep.domain.lineage import Node, Outside
from modelkeep.domain.model import CatalogBinding
from modelkeep.domain.names import METASTORE, FullName
from modelkeep.domain.paths import ROOT, ArtifactPath
from modelkeep.domain.privileges import ON_MODEL, Privilege
from modelkeep.domain.scim.patch import PatchOperation
from modelkeep.domain.scim.resources import DesiredPrincipal
from modelkeep.domain.serving import Level
from modelkeep.domain.storage_urls import StorageUrl, parse_storage_url
from modelkeep.domain.workspace_paths import ObjectLevel

USE = "USE_CATALOG@prod+USE_SCHEMA@prod.ml"
RULE = federation.FederationRule(
    issuer="https://ci.example",
    subject="job",
    keys='{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}',
)
ON_A_BOARD = external_metadata.Description("TABLEAU", "dashboard")
CATALOG, SCHEMA, MODEL = "prod", "prod.ml", "prod.ml.churn"
WALLED, SHOWN = "walled.ml.model", "shown.ml.model"
VOLUME, TABLE, FUNCTION, PROMPT = "prod.ml.raw", "prod.ml.features", "prod.ml.score", "prod.ml.greet"
LANDING = "prod.ml.landing"


class Who(msgspec.Struct, frozen=True):
    """One kind of actor: what is granted to them, and the groups they are in (which own or hold things)."""

    label: str
    granted_at: str = ""
    groups: tuple[str, ...] = ()

    @property
    def user(self) -> str:
        return self.label.replace(" ", "-").replace(",", "")


def _actors() -> list[Who]:
    on_model = sorted(ON_MODEL - {Privilege.MANAGE, Privilege.ALL_PRIVILEGES})
    results = [
        Who("metastore admin", "", ("metastore admins",)),
        Who("account admin"),
        Who("admin of workspace dev"),
        Who("owner of model, USE", USE, ("model owners",)),
        Who("owner of model, USE CATALOG only", "USE_CATALOG@prod", ("model owners",)),
        Who("owner of model, no USE", "", ("model owners",)),
        Who("owner of schema, USE CATALOG", "USE_CATALOG@prod", ("schema owners",)),
        Who("owner of schema, no USE", "", ("schema owners",)),
        Who("owner of catalog", "", ("catalog owners",)),
        Who("owner of all three", "", ("catalog owners", "schema owners", "model owners")),
        Who("USE CATALOG", "USE_CATALOG@prod"),
        Who("USE SCHEMA", "USE_SCHEMA@prod.ml"),
        Who("USE both", USE),
        Who("USE both, granted on catalog", "USE_CATALOG@prod+USE_SCHEMA@prod"),
        Who("BROWSE on catalog", "BROWSE@prod"),
        Who("CREATE CATALOG on metastore", "CREATE_CATALOG@"),
    ]
    for privilege in on_model:
        results.append(Who(f"{privilege.words} on model, USE", f"{privilege}@{MODEL}+{USE}"))
        results.append(Who(f"{privilege.words} on model, no USE", f"{privilege}@{MODEL}"))
    for privilege in (Privilege.CREATE_MODEL, Privilege.CREATE_FUNCTION):
        results.append(Who(f"{privilege.words} on schema, USE", f"{privilege}@{SCHEMA}+{USE}"))
        results.append(Who(f"{privilege.words} on schema, USE CATALOG only", f"{privilege}@{SCHEMA}+USE_CATALOG@prod"))
    for privilege, kind, on in (
        (Privilege.READ_VOLUME, "volume", VOLUME),
        (Privilege.WRITE_VOLUME, "volume", VOLUME),
        (Privilege.SELECT, "table", TABLE),
        (Privilege.MODIFY, "table", TABLE),
        (Privilege.EXECUTE, "function", FUNCTION),
        (Privilege.APPLY_TAG, "volume", VOLUME),
        (Privilege.MANAGE, "volume", VOLUME),
        (Privilege.ALL_PRIVILEGES, "volume", VOLUME),
        (Privilege.EXECUTE, "prompt", PROMPT),
        (Privilege.APPLY_TAG, "prompt", PROMPT),
        (Privilege.MANAGE, "prompt", PROMPT),
        (Privilege.CREATE_VOLUME, "schema", SCHEMA),
        (Privilege.CREATE_TABLE, "schema", SCHEMA),
    ):
        at = on if kind == "schema" else f"{on}!{kind.upper()}"
        results.append(Who(f"{privilege.words} on {kind}, USE", f"{privilege}@{at}+{USE}"))
    results += [
        Who("READ VOLUME on volume, no USE", f"READ_VOLUME@{VOLUME}!VOLUME"),
        Who("READ VOLUME and SELECT on catalog, USE", f"READ_VOLUME@{CATALOG}+SELECT@{CATALOG}+{USE}"),
        Who("owner of volume, table, function, prompt, USE", USE, ("object owners",)),
        Who("CREATE MODEL on catalog, USE", f"CREATE_MODEL@{CATALOG}+{USE}"),
        Who("CREATE SCHEMA on catalog, USE", f"CREATE_SCHEMA@{CATALOG}+{USE}"),
        Who("CREATE SCHEMA on catalog, no USE", f"CREATE_SCHEMA@{CATALOG}"),
        Who("EXECUTE on schema, USE", f"EXECUTE@{SCHEMA}+{USE}"),
        Who("EXECUTE on catalog, USE", f"EXECUTE@{CATALOG}+{USE}"),
    ]
    for privilege in (Privilege.MANAGE, Privilege.ALL_PRIVILEGES):
        for level, on in (("model", MODEL), ("schema", SCHEMA), ("catalog", CATALOG)):
            results.append(Who(f"{privilege.words} on {level}, USE", f"{privilege}@{on}+{USE}"))
            results.append(Who(f"{privilege.words} on {level}, no USE", f"{privilege}@{on}"))
    in_lake = "lake!EXTERNAL_LOCATION"
    for words in (
        "READ_FILES",
        "READ_FILES WRITE_FILES",
        "CREATE_EXTERNAL_TABLE",
        "CREATE_EXTERNAL_VOLUME",
        "CREATE_MANAGED_STORAGE",
        "BROWSE",
        "MANAGE",
        "ALL_PRIVILEGES",
    ):
        grants_in_lake = "+".join(f"{word}@{in_lake}" for word in words.split())
        creates = f"CREATE_TABLE@{SCHEMA}+CREATE_VOLUME@{SCHEMA}+CREATE_SCHEMA@{CATALOG}"
        label = " and ".join(words.split()).replace("_", " ")
        results.append(Who(f"{label} on location, CREATE", f"{grants_in_lake}+{creates}+{USE}"))
    results += [
        Who("owner of credential and locations", "", ("storage owners",)),
        Who("CREATE STORAGE CREDENTIAL on metastore", "CREATE_STORAGE_CREDENTIAL@"),
        Who("CREATE EXTERNAL LOCATION on metastore", "CREATE_EXTERNAL_LOCATION@"),
        Who(
            "CREATE EXTERNAL LOCATION on both",
            "CREATE_EXTERNAL_LOCATION@+CREATE_EXTERNAL_LOCATION@role!STORAGE_CREDENTIAL",
        ),
        Who("CREATE EXTERNAL METADATA on metastore", "CREATE_EXTERNAL_METADATA@"),
        Who("MODIFY on external metadata", "MODIFY@board!EXTERNAL_METADATA"),
        Who("MANAGE on external metadata", "MANAGE@board!EXTERNAL_METADATA"),
        Who("member of a nested group with EXECUTE", "", ("inner readers",)),
        Who("MANAGE on model and mover of @guarded, USE", f"MANAGE@{MODEL}+{USE}", ("movers",)),
        Who("APPLY TAG on model and ASSIGN on grade, USE", f"APPLY_TAG@{MODEL}+{USE}", ("tag assigners",)),
        Who("MANAGE on tag policy grade", "", ("tag managers",)),
        Who("CREATE on tag policies", "", ("tag makers",)),
        Who("stranger"),
        Who("deactivated, ALL on catalog", f"ALL_PRIVILEGES@{CATALOG}"),
    ]
    return results


ACTORS = _actors()


class Row(msgspec.Struct, frozen=True):
    """One request of an operation. `show` makes the cell of what came back, where that says more than `+`."""

    section: str
    label: str
    request: msgspec.Struct
    show: Callable[[Any], str] = lambda _: "+"
    body: bytes | None = None


def _listed_securable(full_name: str) -> Callable[[Any], str]:
    """`b`: metadata, through BROWSE alone."""

    def cell(page: Any) -> str:
        only = [item.browse_only for item in page.items if item.securable.full_name == full_name]
        return ("b" if only[0] else "1") if only else "0"

    return cell


def _listed(text: str) -> Callable[[Any], str]:
    return lambda page: "1" if any(item.full_name == text for item in page.items) else "0"


def _browsed(result: models.Browsed[Any]) -> str:
    """`b`: metadata, through BROWSE alone."""
    return "b" if result.only else "+"


def _browsed_in(full_name: str) -> Callable[[Any], str]:
    return lambda page: next((_browsed(item) for item in page.items if item.entity.full_name == full_name), "0")


def _browsed_object(page: Any) -> str:
    return next((_browsed(item) for item in page.items), "0")


def beside(text: str, kind: Kind) -> FullName:
    """The name of an external location or storage credential."""
    return FullName((text,), kind)


def leaf(text: str, kind: Kind) -> FullName:
    """The name of a volume, table or function."""
    return FullName(name(text).parts, kind)


ROLE = "arn:aws:iam::1:role/r"
IN_LAKE = tables.Definition("EXTERNAL", "DELTA", "file:///lake/fresh")
OUTSIDE = tables.Definition("EXTERNAL", "DELTA", "s3://elsewhere/features")
DEFINED = tables.Definition("EXTERNAL", "DELTA", "file:///lake/features")
COMMENTED = delta_commits.TableChanges(comment="Of the shop")
COMPUTED = functions.FunctionDefinition(
    input_params=functions.Parameters(),
    data_type="INT",
    full_data_type="INT",
    routine_body="SQL",
    routine_definition="1",
    parameter_style="S",
    is_deterministic=True,
    sql_data_access="NO_SQL",
    is_null_call=False,
    security_type="DEFINER",
    specific_name="score",
)


def _whose_grants(listed: list[Any]) -> str:
    """`+` all of them, `o` only those of one's own, `0` none."""
    if any(grant.principal == "somebody else" for grant in listed):
        return "+"
    return "o" if listed else "0"


def rows(ids: dict[str, str]) -> list[Row]:
    m, new, open_model = name(MODEL), name("prod.ml.new"), name("open.ml.model")
    mlmodel, extra = ArtifactPath("MLmodel"), ArtifactPath("extra.bin")
    foreign = ArtifactPath("Users/nobody@x.io/notes")
    shared_id = int(ids["shared folder"]) if ids["shared folder"].isdecimal() else 0
    C, S, M, V, F, U, D, G, P, N, A = (
        "The metastore and catalogs",
        "Schemas",
        "Registered models",
        "Model versions",
        "Files of versions",
        "Volumes, tables and functions",
        "Files of volumes",
        "Grants and lineage",
        "Principals and tokens",
        "Signing in",
        "Audit and jobs",
    )
    L, role = "External locations and storage credentials", beside("role", Kind.STORAGE_CREDENTIAL)
    lake, bucket = (beside(text, Kind.EXTERNAL_LOCATION) for text in ("lake", "bucket"))
    E, board = "External metadata and lineage between any two things", beside("board", Kind.EXTERNAL_METADATA)
    to_board, dataset = (
        {"source": Node(leaf(TABLE, Kind.TABLE)), "target": Node(board)},
        run_events.Dataset("kafka://k", "t"),
    )
    ours = run_events.Dataset("unity_catalog", TABLE)
    Q, prompt = "Prompts", leaf(PROMPT, Kind.PROMPT)
    T = "Protected aliases, governed tags, requests for access"
    K, served = "Serving endpoints", (endpoints.ServedModel(m, "1"),)
    W, walled, text = "Workspaces, and catalogs bound to some", name(WALLED), name(SHOWN)
    volume, table, function = leaf(VOLUME, Kind.VOLUME), leaf(TABLE, Kind.TABLE), leaf(FUNCTION, Kind.FUNCTION)
    new_volume, a_file, folder = leaf("prod.ml.fresh", Kind.VOLUME), ArtifactPath("a.bin"), ArtifactPath("folder")
    described = {"comment": "x"}
    return [
        Row(C, "get_metastore", catalogs.GetMetastore()),
        Row(C, "read_metastore", metastores.ReadMetastore()),
        Row(C, "rename_metastore", metastores.RenameMetastore("home")),
        Row(C, "list_quotas", metastores.ListQuotas()),
        Row(C, "get_quota of catalog", metastores.GetQuota(name(CATALOG), "tag-quota")),
        Row(C, "get_quota of model", metastores.GetQuota(m, "alias-quota")),
        Row(C, "get_assignment", metastores.GetAssignment()),
        Row(C, "get_bindings of catalog", bindings.GetBindings(name(CATALOG))),
        Row(
            C, "change_bindings of catalog", bindings.ChangeBindings(name(CATALOG), (CatalogBinding("1", "READ_ONLY"),))
        ),
        Row(C, "isolate_catalog", bindings.IsolateCatalog(name(CATALOG), True)),
        Row(C, "create_catalog", catalogs.CreateCatalog(name=name("fresh"))),
        Row(C, "create_catalog prod (exists)", catalogs.CreateCatalog(name=name(CATALOG))),
        Row(C, "list_catalogs: sees prod", catalogs.ListCatalogs(), _listed(CATALOG)),
        Row(C, "get_catalog", catalogs.GetCatalog(name(CATALOG))),
        Row(C, "browse_catalogs", catalogs.BrowseCatalogs(), _browsed_in(CATALOG)),
        Row(C, "browse_catalog", catalogs.BrowseCatalog(name(CATALOG)), _browsed),
        Row(C, "update_catalog_comment", catalogs.UpdateCatalogComment(name(CATALOG), **described)),
        Row(C, "update_catalog_spec", catalogs.UpdateCatalogSpec(name(CATALOG), {"properties": "{}"})),
        Row(C, "transfer_ownership of catalog", catalogs.TransferOwnership(name(CATALOG), "stranger")),
        Row(C, "transfer_metastore", metastores.TransferMetastore("stranger")),
        Row(C, "list_catalog_tags", models.ListCatalogTags(name(CATALOG))),
        Row(C, "rename_catalog", catalogs.RenameCatalog(name(CATALOG), name("production"))),
        Row(C, "delete_container: catalog, force", catalogs.DeleteContainer(name(CATALOG), True)),
        Row(S, "create_schema", catalogs.CreateSchema(name=name("prod.fresh"))),
        Row(S, "create_schema prod.ml (exists)", catalogs.CreateSchema(name=name(SCHEMA))),
        Row(S, "list_schemas: sees prod.ml", catalogs.ListSchemas(name(CATALOG)), _listed(SCHEMA)),
        Row(S, "get_schema", catalogs.GetSchema(name(SCHEMA))),
        Row(S, "browse_schemas", catalogs.BrowseSchemas(name(CATALOG)), _browsed_in(SCHEMA)),
        Row(S, "browse_schema", catalogs.BrowseSchema(name(SCHEMA)), _browsed),
        Row(S, "update_comment of schema", catalogs.UpdateComment(name(SCHEMA), **described)),
        Row(S, "update_spec of schema", catalogs.UpdateSpec(name(SCHEMA), {"properties": "{}"})),
        Row(S, "transfer_ownership of schema", catalogs.TransferOwnership(name(SCHEMA), "stranger")),
        Row(S, "rename_schema", catalogs.RenameSchema(name(SCHEMA), name("prod.ai"))),
        Row(S, "delete_container: schema, force", catalogs.DeleteContainer(name(SCHEMA), True)),
        Row(S, "list_schema_tags", models.ListSchemaTags(name(SCHEMA))),
        Row(S, "change_tags of schema", models.ChangeTags(name(SCHEMA), None, {"team": "b"})),
        Row(M, "create_model", models.CreateModel(new)),
        Row(M, "create_model prod.ml.churn (exists)", models.CreateModel(m)),
        Row(M, "create_model in a missing schema", models.CreateModel(name("prod.nothing.new"))),
        Row(M, "get_model", models.GetModel(m)),
        Row(M, "get_model, which is missing", models.GetModel(name("prod.ml.nothing"))),
        Row(M, "list_models of schema: sees churn", models.ListModels(name(SCHEMA)), _listed(MODEL)),
        Row(M, "list_models of all: sees churn", models.ListModels(), _listed(MODEL)),
        Row(M, "browse_model", models.BrowseModel(m), _browsed),
        Row(M, "browse_models of schema", models.BrowseModels(name(SCHEMA)), _browsed_in(MODEL)),
        Row(M, "browse_models of all", models.BrowseModels(), _browsed_in(MODEL)),
        Row(M, "update_comment", catalogs.UpdateComment(m, **described)),
        Row(M, "draft_comment", description_drafts.DraftComment(m)),
        Row(M, "update_spec", catalogs.UpdateSpec(m, {"deployment_job_id": "7"})),
        Row(M, "transfer_ownership", catalogs.TransferOwnership(m, "stranger")),
        Row(M, "rename_model", models.RenameModel(m, new)),
        Row(M, "delete_model", models.DeleteModel(m)),
        Row(M, "set_alias", models.SetAlias(m, "champion", 1)),
        Row(M, "delete_alias", models.DeleteAlias(m, "champion")),
        Row(M, "list_object_tags", models.ListObjectTags(m)),
        Row(M, "assign_tag", models.AssignTag(m, "stage", "b")),
        Row(M, "reassign_tag", models.ReassignTag(m, "team", "b")),
        Row(M, "change_tags", models.ChangeTags(m, None, {"team": "b"})),
        Row(V, "create_version", versions.CreateVersion(name=m)),
        Row(
            V,
            "create_version from open.ml.model",
            versions.CreateVersion(name=m, source_model=open_model, source_version="1"),
        ),
        Row(
            V,
            "create_version of open.ml.model from churn",
            versions.CreateVersion(name=open_model, source_model=m, source_version="1"),
        ),
        Row(V, "finalize_version", finalize.FinalizeVersion(m, 2)),
        Row(V, "finalize_version, unsigned", finalize.FinalizeVersion(m, 2, unsigned=True)),
        Row(V, "get_version", versions.GetVersion(m, 1)),
        Row(V, "get_version_by_alias", versions.GetVersionByAlias(m, "champion")),
        Row(V, "list_versions", versions.ListVersions(m)),
        Row(V, "browse_version", versions.BrowseVersion(m, 1), _browsed),
        Row(V, "browse_versions", versions.BrowseVersions(m), _browsed),
        Row(
            V,
            "search_versions: sees churn",
            model_search.SearchVersions(f"name = '{MODEL}'"),
            lambda p: "1" if p.items else "0",
        ),
        Row(
            V,
            "search_versions of a run: sees churn",
            model_search.SearchVersions("run_id = 'run1'"),
            lambda p: "1" if p.items else "0",
        ),
        Row(
            V,
            "search_models: sees churn",
            model_search.SearchModels(f"name = '{MODEL}'"),
            lambda p: "1" if p.items else "0",
        ),
        Row(V, "register_version (a pointer)", versions.RegisterVersion(name=m, source="s3://elsewhere/m")),
        Row(
            V,
            "register_signed from open.ml.model",
            signed_registration.RegisterSigned(name=m, source_model=open_model, source_version="1"),
        ),
        Row(
            V,
            "register_version from open.ml.model",
            versions.RegisterVersion(name=m, source_model=open_model, source_version="1"),
        ),
        Row(
            V,
            "register_version of open.ml.model from churn",
            versions.RegisterVersion(name=open_model, source_model=m, source_version="1"),
        ),
        Row(V, "find_logged_model of churn", versions.FindLoggedModel("m-1"), lambda result: "1" if result else "0"),
        Row(V, "update_version", versions.UpdateVersion(m, 1, "x")),
        Row(V, "draft_version_comment", description_drafts.DraftVersionComment(m, 1)),
        Row(V, "delete_version", versions.DeleteVersion(m, 1)),
        Row(V, "change_tags of a version", models.ChangeTags(m, 1, {"team": "b"})),
        Row(V, "copy_version of churn to open.ml.model", versions.CopyVersion(m, 1, open_model)),
        Row(V, "copy_version of open.ml.model to churn", versions.CopyVersion(open_model, 1, m)),
        Row(
            V,
            "copy_version of open.ml.model to prod.ml.fresh (made)",
            versions.CopyVersion(open_model, 1, name("prod.ml.fresh")),
        ),
        Row(V, "read_credentials", credentials.ReadCredentials(m, 1)),
        Row(V, "write_credentials", credentials.WriteCredentials(m, 2)),
        Row(V, "create_in_folder", credentials.CreateInFolder(name=m, source="models:/m-1")),
        Row(V, "get_in_folder", credentials.GetInFolder(m, 1)),
        Row(F, "list_directory", directories.ListDirectory(path=ROOT, name=m, version=1)),
        Row(F, "open_file", files.OpenFile(path=mlmodel, name=m, version=1)),
        Row(F, "vend_download", files.VendDownload(path=mlmodel, name=m, version=1)),
        Row(F, "vend_upload", files.VendUpload(path=extra, name=m, version=2)),
        Row(F, "write_file", files.WriteFile(path=extra, name=m, version=2), body=b"x"),
        Row(F, "write_small_file", files.WriteSmallFile(path=extra, name=m, version=2, data=b"x")),
        Row(F, "delete_file", files.DeleteFile(path=mlmodel, name=m, version=2)),
        Row(F, "make_directory", directories.MakeDirectory(path=extra, name=m, version=2)),
        Row(F, "delete_directory", directories.DeleteDirectory(path=extra, name=m, version=2)),
        Row(F, "start_upload", uploads.StartUpload(path=extra, name=m, version=2)),
        Row(
            F,
            "vend_parts of another's upload",
            uploads.VendParts(path=extra, name=m, version=2, upload_id=ids["upload"], first=1),
        ),
        Row(
            F,
            "write_part of another's upload",
            uploads.WritePart(path=extra, name=m, version=2, upload_id=ids["upload"], number=1),
            body=b"x",
        ),
        Row(
            F,
            "complete_upload of another's upload",
            uploads.CompleteUpload(
                path=extra, name=m, version=2, upload_id=ids["upload"], parts=(uploads.PartTag(1, "x"),)
            ),
        ),
        Row(
            F,
            "abort_upload of another's upload",
            uploads.AbortUpload(path=extra, name=m, version=2, upload_id=ids["upload"]),
        ),
        Row(U, "create_volume", volumes.CreateVolume(new_volume)),
        Row(U, "create_volume prod.ml.raw (exists)", volumes.CreateVolume(volume)),
        Row(U, "create_table", tables.CreateTable(leaf("prod.ml.fresh", Kind.TABLE), OUTSIDE)),
        Row(U, "create_function", functions.CreateFunction(leaf("prod.ml.fresh", Kind.FUNCTION), COMPUTED)),
        Row(
            U, "create_function prod.ml.churn (a model)", functions.CreateFunction(leaf(MODEL, Kind.FUNCTION), COMPUTED)
        ),
        Row(U, "get_object: volume", objects.GetObject(volume)),
        Row(U, "get_object: table", objects.GetObject(table)),
        Row(U, "get_object: function", objects.GetObject(function)),
        Row(U, "get_object: function prod.ml.churn (a model)", objects.GetObject(leaf(MODEL, Kind.FUNCTION))),
        Row(U, "get_model prod.ml.score (a function)", models.GetModel(name(FUNCTION))),
        Row(U, "get_routine: function", functions.GetRoutine(function)),
        Row(U, "get_routine: model", functions.GetRoutine(leaf(MODEL, Kind.FUNCTION))),
        Row(U, "get_routine: prompt", functions.GetRoutine(leaf(PROMPT, Kind.FUNCTION))),
        Row(Q, "create_prompt", prompts.CreatePrompt(leaf("prod.ml.fresh", Kind.PROMPT), tags={"team": "a"})),
        Row(Q, "create_prompt prod.ml.greet (exists)", prompts.CreatePrompt(prompt)),
        Row(Q, "create_prompt prod.ml.churn (a model)", prompts.CreatePrompt(leaf(MODEL, Kind.PROMPT))),
        Row(Q, "create_model prod.ml.greet (a prompt)", models.CreateModel(name(PROMPT))),
        Row(Q, "get_prompt", prompts.GetPrompt(prompt)),
        Row(Q, "get_prompt prod.ml.churn (a model)", prompts.GetPrompt(leaf(MODEL, Kind.PROMPT))),
        Row(Q, "browse_prompt", prompts.BrowsePrompt(prompt), _browsed),
        Row(
            Q,
            "search_prompts: sees greet",
            prompt_search.SearchPrompts(name(SCHEMA)),
            lambda page: "1" if any(p.securable.full_name == PROMPT for p in page.items) else "0",
        ),
        Row(Q, "list_objects: sees prompt", objects.ListObjects(name(SCHEMA), Kind.PROMPT), _listed(PROMPT)),
        Row(Q, "browse_objects of prompts", objects.BrowseObjects(name(SCHEMA), Kind.PROMPT), _browsed_object),
        Row(Q, "search_securables: sees greet", explorer.SearchSecurables("greet"), _listed_securable(PROMPT)),
        Row(Q, "update_prompt", prompts.UpdatePrompt(prompt, "x")),
        Row(Q, "rename_prompt", prompts.RenamePrompt(prompt, leaf("prod.ml.hello", Kind.PROMPT))),
        Row(Q, "delete_prompt", prompts.DeletePrompt(prompt)),
        Row(Q, "create_prompt_version", prompts.CreatePromptVersion(prompt, '"Bye"')),
        Row(Q, "get_prompt_version", prompts.GetPromptVersion(prompt, 1)),
        Row(Q, "get_prompt_version_by_alias", prompts.GetPromptVersionByAlias(prompt, "live")),
        Row(Q, "list_prompt_versions", prompts.ListPromptVersions(prompt)),
        Row(Q, "update_prompt_version", prompts.UpdatePromptVersion(prompt, 1, "x")),
        Row(Q, "delete_prompt_version", prompts.DeletePromptVersion(prompt, 1)),
        Row(Q, "change_prompt_version_tags", prompts.ChangePromptVersionTags(prompt, 1, {"team": "b"})),
        Row(Q, "change_tags of prompt", models.ChangeTags(prompt, None, {"team": "b"})),
        Row(Q, "set_prompt_alias", prompts.SetPromptAlias(prompt, "live", 1)),
        Row(Q, "delete_prompt_alias", prompts.DeletePromptAlias(prompt, "live")),
        Row(
            Q,
            "link_prompts, whose run is missing",
            prompt_links.LinkPrompts((prompt_links.LinkedVersion(prompt, 1),), "run", ("run1",)),
        ),
        Row(Q, "list_prompt_links", prompt_links.ListPromptLinks(prompt)),
        Row(Q, "transfer_ownership of prompt", catalogs.TransferOwnership(prompt, "stranger")),
        Row(Q, "change_grants of prompt", grants.ChangeGrants(prompt, (grants.GrantChange("stranger", ("EXECUTE",)),))),
        Row(
            V,
            "search_securables: sees prod",
            explorer.SearchSecurables("prod", ("CATALOG",)),
            _listed_securable(CATALOG),
        ),
        Row(
            V,
            "search_securables: sees prod.ml",
            explorer.SearchSecurables("prod", ("SCHEMA",)),
            _listed_securable(SCHEMA),
        ),
        Row(V, "search_securables: sees churn", explorer.SearchSecurables("churn"), _listed_securable(MODEL)),
        Row(V, "list_files", explorer.ListFiles(m, 1)),
        Row(U, "list_objects: sees volume", objects.ListObjects(name(SCHEMA), Kind.VOLUME), _listed(VOLUME)),
        Row(U, "list_objects: sees table", objects.ListObjects(name(SCHEMA), Kind.TABLE), _listed(TABLE)),
        Row(U, "list_objects: sees function", objects.ListObjects(name(SCHEMA), Kind.FUNCTION), _listed(FUNCTION)),
        Row(U, "browse_object: volume", objects.BrowseObject(volume), _browsed),
        Row(U, "browse_objects: volume", objects.BrowseObjects(name(SCHEMA), Kind.VOLUME), _browsed_object),
        Row(U, "table_exists", tables.TableExists(table), lambda there: "1" if there else "0"),
        Row(U, "list_table_summaries: sees table", tables.ListTableSummaries(name(CATALOG)), _listed(TABLE)),
        Row(U, "change_table", tables.ChangeTable(table, properties={"team": "a"})),
        Row(U, "delta_config", delta_tables.DeltaConfig(name(CATALOG))),
        Row(U, "load_table", delta_tables.LoadTable(table)),
        Row(U, "stage_table", delta_tables.StageTable(leaf("prod.ml.fresh", Kind.TABLE))),
        Row(U, "staging_credentials: of another", delta_tables.StagingCredentials(ids["staging"])),
        Row(
            U,
            "create_staged_table: of another",
            delta_tables.CreateStagedTable(
                name=leaf("prod.ml.fresh", Kind.TABLE),
                location=f"file:///managed/tables/{ids['staging']}",
                protocol=delta_tables.Protocol(3, 7),
            ),
        ),
        Row(U, "commit_table", delta_commits.CommitTable(name=table, table_id=ids["table"], changes=COMMENTED)),
        Row(
            U,
            "commit_table_by_id",
            delta_commits.CommitTableById(table_id=ids["table"], location=DEFINED.storage_location, changes=COMMENTED),
        ),
        Row(U, "commits_by_id", delta_commits.CommitsById(table_id=ids["table"])),
        Row(U, "report_metrics", delta_commits.ReportMetrics(name=table, table_id=ids["table"], files=1)),
        Row(U, "read_table_history", table_contents.ReadTableHistory(table)),
        Row(U, "sample_table", table_contents.SampleTable(table)),
        Row(U, "read_table_credentials", table_credentials.ReadTableCredentials(table)),
        Row(U, "write_table_credentials", table_credentials.WriteTableCredentials(table)),
        Row(
            U,
            "table_credentials_by_id: to read",
            table_credentials.TableCredentialsById(ids["table"], Kind.TABLE, False),
        ),
        Row(
            U,
            "table_credentials_by_id: to write",
            table_credentials.TableCredentialsById(ids["table"], Kind.TABLE, True),
        ),
        Row(
            U,
            "volume_credentials_by_id: to read",
            table_credentials.VolumeCredentialsById(ids["landing"], Kind.VOLUME, False),
        ),
        Row(
            U,
            "volume_credentials_by_id: to write",
            table_credentials.VolumeCredentialsById(ids["landing"], Kind.VOLUME, True),
        ),
        Row(U, "path_credentials: to read", table_credentials.PathCredentials("file:///lake/free", "PATH_READ")),
        Row(U, "path_credentials: to write", table_credentials.PathCredentials("file:///lake/free", "PATH_READ_WRITE")),
        Row(
            U,
            "path_credentials: to create a table",
            table_credentials.PathCredentials("file:///lake/free", "PATH_CREATE_TABLE"),
        ),
        Row(
            U,
            "path_credentials: in a table",
            table_credentials.PathCredentials("file:///lake/features/p=1", "PATH_READ"),
        ),
        Row(
            L,
            "create_storage_credential",
            external_locations.CreateStorageCredential(name=beside("new", Kind.STORAGE_CREDENTIAL), role_arn=ROLE),
        ),
        Row(L, "get_storage_credential", external_locations.GetStorageCredential(role)),
        Row(
            L,
            "list_storage_credentials: sees it",
            external_locations.ListStorageCredentials(),
            _listed("role"),
        ),
        Row(
            L,
            "update_storage_credential",
            external_locations.UpdateStorageCredential(name=role, comment="x", new_name=beside("r2", role.leaf)),
        ),
        Row(L, "delete_storage_credential", external_locations.DeleteStorageCredential(role, True)),
        Row(
            L,
            "create_external_location",
            external_locations.CreateExternalLocation(
                name=beside("new", Kind.EXTERNAL_LOCATION), url="s3://new/x", credential=role
            ),
        ),
        Row(L, "get_external_location", external_locations.GetExternalLocation(lake)),
        Row(
            L,
            "list_external_locations: sees it",
            external_locations.ListExternalLocations(),
            lambda page: "1" if page.items else "0",
        ),
        Row(L, "update_external_location", external_locations.UpdateExternalLocation(name=lake, comment="x")),
        Row(
            L,
            "update_external_location: its credential",
            external_locations.UpdateExternalLocation(name=bucket, credential=role),
        ),
        Row(L, "delete_external_location", external_locations.DeleteExternalLocation(lake, True)),
        Row(
            L,
            "validate_storage of a location",
            validation.ValidateStorage(credential=None, location=lake, url=""),
        ),
        Row(L, "create_table in it", tables.CreateTable(leaf("prod.ml.fresh", Kind.TABLE), IN_LAKE)),
        Row(
            L,
            "create_volume in it",
            volumes.CreateVolume(leaf("prod.ml.fresh", Kind.VOLUME), "EXTERNAL", storage_location="file:///lake/fresh"),
        ),
        Row(
            L,
            "create_schema in it",
            catalogs.CreateSchema(name=name("prod.fresh"), spec={"storage_root": "file:///lake/roots"}),
        ),
        Row(
            E,
            "create_external_metadata",
            external_metadata.CreateExternalMetadata(beside("new", Kind.EXTERNAL_METADATA), ON_A_BOARD),
        ),
        Row(E, "get_external_metadata", external_metadata.GetExternalMetadata(board)),
        Row(
            E,
            "list_external_metadata: sees it",
            external_metadata.ListExternalMetadata(),
            lambda page: "1" if page.items else "0",
        ),
        Row(E, "update_external_metadata", external_metadata.UpdateExternalMetadata(name=board, comment="x")),
        Row(E, "delete_external_metadata", external_metadata.DeleteExternalMetadata(board)),
        Row(
            E,
            "record_link: board to table",
            links.RecordLink(source=Node(board), target=Node(leaf(TABLE, Kind.TABLE))),
        ),
        Row(E, "record_link: board to version", links.RecordLink(source=Node(board), target=Node(m, 1))),
        Row(
            E,
            "record_link: version to board",
            links.RecordLink(source=Node(m, 1), target=Node(board)),
        ),
        Row(
            E,
            "record_link: board to path",
            links.RecordLink(source=Node(board), target=Node(outside=Outside.PATH, text="file:///lake/out")),
        ),
        Row(E, "update_link: table to board", links.UpdateLink(**to_board, properties={"a": "b"})),
        Row(E, "remove_link: table to board", links.RemoveLink(**to_board)),
        Row(
            E,
            "list_lineage_links of board: sees table",
            links.ListLineageLinks(node=Node(board), upstream=True),
            lambda page: "1" if page.items else "0",
        ),
        Row(
            E,
            "read_graph of board: names table",
            graph.ReadGraph(node=Node(board)),
            lambda result: "1" if any(node.name == TABLE for node in result.nodes) else "0",
        ),
        Row(E, "read_graph of table", graph.ReadGraph(node=Node(leaf(TABLE, Kind.TABLE)))),
        Row(
            E,
            "record_run_event into table: kept",
            run_events.RecordRunEvent("j/j", (dataset,), (ours,)),
            lambda counts: "0" if counts.dropped else "1",
        ),
        Row(U, "update_comment of volume", catalogs.UpdateComment(volume, **described)),
        Row(U, "update_routine_comment: function", functions.UpdateRoutineComment(function, **described)),
        Row(
            U, "update_routine_comment: model", functions.UpdateRoutineComment(leaf(MODEL, Kind.FUNCTION), **described)
        ),
        Row(
            U,
            "update_routine_comment: prompt",
            functions.UpdateRoutineComment(leaf(PROMPT, Kind.FUNCTION), **described),
        ),
        Row(U, "rename_object: volume", objects.RenameObject(volume, new_volume)),
        Row(U, "transfer_ownership of volume", catalogs.TransferOwnership(volume, "stranger")),
        Row(U, "transfer_ownership of function, as a model", catalogs.TransferOwnership(name(FUNCTION), "stranger")),
        Row(U, "delete_object: volume", objects.DeleteObject(volume)),
        Row(U, "delete_object: table", objects.DeleteObject(table)),
        Row(U, "delete_object: function", objects.DeleteObject(function)),
        Row(U, "list_object_tags of volume", models.ListObjectTags(volume)),
        Row(U, "change_tags of volume", models.ChangeTags(volume, None, {"team": "b"})),
        Row(U, "get_grants of volume", grants.GetGrants(volume), _whose_grants),
        Row(
            U,
            "change_grants of volume",
            grants.ChangeGrants(volume, (grants.GrantChange("stranger", ("READ_VOLUME",)),)),
        ),
        Row(U, "get_activity of volume", audit_log.GetActivity(volume)),
        Row(D, "list_directory", directories.ListDirectory(path=ROOT, name=volume)),
        Row(D, "make_directory", directories.MakeDirectory(path=folder, name=volume)),
        Row(D, "delete_directory", directories.DeleteDirectory(path=folder, name=volume)),
        Row(D, "open_file", files.OpenFile(path=a_file, name=volume)),
        Row(D, "vend_download", files.VendDownload(path=a_file, name=volume)),
        Row(D, "vend_upload", files.VendUpload(path=a_file, name=volume)),
        Row(D, "write_file", files.WriteFile(path=a_file, name=volume), body=b"x"),
        Row(D, "write_small_file", files.WriteSmallFile(path=a_file, name=volume, data=b"x")),
        Row(D, "delete_file", files.DeleteFile(path=a_file, name=volume)),
        Row(D, "start_upload", uploads.StartUpload(path=a_file, name=volume)),
        Row(G, "get_grants of catalog", grants.GetGrants(name(CATALOG)), _whose_grants),
        Row(G, "get_grants of schema", grants.GetGrants(name(SCHEMA)), _whose_grants),
        Row(G, "get_grants of model", grants.GetGrants(m), _whose_grants),
        Row(G, "get_effective_grants of model", grants.GetEffectiveGrants(m), _whose_grants),
        Row(
            G,
            "change_grants of catalog",
            grants.ChangeGrants(name(CATALOG), (grants.GrantChange("stranger", ("EXECUTE",)),)),
        ),
        Row(
            G,
            "change_grants of schema",
            grants.ChangeGrants(name(SCHEMA), (grants.GrantChange("stranger", ("EXECUTE",)),)),
        ),
        Row(G, "change_grants of model", grants.ChangeGrants(m, (grants.GrantChange("stranger", ("EXECUTE",)),))),
        Row(
            G,
            "change_grants of metastore",
            grants.ChangeGrants(METASTORE, (grants.GrantChange("stranger", ("CREATE_CATALOG",)),)),
        ),
        Row(G, "explain", explain.Explain(m, "get_version", "stranger")),
        Row(
            G,
            "explain to oneself: may get_version",
            explain.Explain(m, "get_version"),
            lambda why: "1" if why.allowed else "0",
        ),
        Row(
            G,
            "what_may_i: may delete_model",
            explain.WhatMayI(m),
            lambda may: "1" if may["delete_model"] is True else "0",
        ),
        Row(G, "get_lineage", lineage.GetLineage(m, 1)),
        Row(G, "emit_lineage", lineage.EmitLineage(m, 1, (lineage.Entity("JOB", "7"),))),
        Row(G, "emit_upstream", lineage.EmitUpstream(m, 1, (lineage.Entity("TABLE", "a.b.c"),))),
        Row(
            G,
            "find_consumers: sees churn",
            lineage.FindConsumers("TABLE", "prod.ml.features"),
            lambda p: "1" if p.items else "0",
        ),
        Row(T, "list_protected_aliases", protected_aliases.ListProtectedAliases(m)),
        Row(T, "protect_alias of model", protected_aliases.ProtectAlias(m, "guarded", ())),
        Row(T, "protect_alias of schema", protected_aliases.ProtectAlias(name(SCHEMA), "guarded", ())),
        Row(T, "unprotect_alias of model", protected_aliases.UnprotectAlias(m, "guarded")),
        Row(T, "set_alias guarded, which is protected", models.SetAlias(m, "guarded", 1)),
        Row(T, "delete_alias guarded, which is protected", models.DeleteAlias(m, "guarded")),
        Row(T, "change_tags grade, which is governed", models.ChangeTags(m, None, {"grade": "a"})),
        Row(T, "list_tag_policies", tag_policies.ListTagPolicies()),
        Row(T, "get_tag_policy", tag_policies.GetTagPolicy("grade")),
        Row(T, "create_tag_policy", tag_policies.CreateTagPolicy("fresh")),
        Row(T, "update_tag_policy", tag_policies.UpdateTagPolicy("grade", "x")),
        Row(T, "delete_tag_policy", tag_policies.DeleteTagPolicy("grade")),
        Row(T, "get_tag_rules", tag_policies.GetTagRules(ids["policy"])),
        Row(T, "get_tag_rules of all policies", tag_policies.GetTagRules()),
        Row(T, "set_tag_rules", tag_policies.SetTagRules(ids["policy"], ids["etag"], ())),
        Row(T, "set_tag_rules of all policies", tag_policies.SetTagRules("", ids["etag of all"], ())),
        Row(
            T,
            "ask_access to churn",
            access_requests.AskAccess((access_requests.Ask((access_requests.RequestedPrivileges(m, ("EXECUTE",)),)),)),
        ),
        Row(
            T,
            "list_access_requests: sees that for churn",
            access_requests.ListAccessRequests(),
            lambda p: "1" if p.items else "0",
        ),
        Row(T, "decide_access to churn", access_requests.DecideAccess(ids["request"], True)),
        Row(T, "withdraw_access to churn of another", access_requests.WithdrawAccess(ids["request"])),
        Row(T, "get_access_destinations of churn", access_requests.GetAccessDestinations(m)),
        Row(T, "change_access_destinations of churn", access_requests.ChangeAccessDestinations(m, ())),
        Row(P, "create_principal", principals.CreatePrincipal("USER", "new user")),
        Row(P, "list_principals", principals.ListPrincipals("USER")),
        Row(P, "delete_principal", principals.DeletePrincipal("somebody")),
        Row(P, "set_active", principals.SetActive("somebody", False)),
        Row(P, "list_members", principals.ListMembers("model owners")),
        Row(P, "add_member", principals.AddMember("model owners", "stranger")),
        Row(P, "remove_member", principals.RemoveMember("outer readers", "inner readers")),
        Row(P, "get_me", explorer.GetMe()),
        Row(P, "list_identities", identities.ListIdentities("USER", 'userName eq "somebody"')),
        Row(
            P,
            "list_identities by e-mail: finds another",
            identities.ListIdentities("USER", 'emails.value eq "some@body.io"'),
            lambda result: "1" if result.items else "0",
        ),
        Row(
            P,
            "get_identity: sees an external id",
            identities.GetIdentity("USER", ids["somebody"]),
            lambda result: "1" if result.external_id else "0",
        ),
        Row(P, "get_my_identity", identities.GetMyIdentity()),
        Row(P, "create_identity", identities.CreateIdentity("GROUP", DesiredPrincipal("new group"))),
        Row(
            P, "replace_identity", identities.ReplaceIdentity("USER", ids["somebody"], DesiredPrincipal("somebody new"))
        ),
        Row(
            P,
            "patch_identity",
            identities.PatchIdentity("USER", ids["somebody"], (PatchOperation("replace", "active", False),)),
        ),
        Row(P, "delete_identity", identities.DeleteIdentity("USER", ids["somebody"])),
        Row(P, "change_members", group_members.ChangeMembers(ids["group"], group_members.MemberChange())),
        Row(P, "remove_rights", principal_deletion.RemoveRights("somebody")),
        Row(P, "create_token", principals.CreateToken()),
        Row(P, "create_token of another", principals.CreateToken(principal="somebody")),
        Row(P, "list_tokens", principals.ListTokens()),
        Row(P, "list_tokens of another", principals.ListTokens("somebody")),
        Row(P, "list_all_tokens", principals.ListAllTokens()),
        Row(P, "get_token of another", principals.GetToken(ids["token"])),
        Row(P, "create_token_for a service principal", principals.CreateTokenFor("robot")),
        Row(P, "update_token of another", principals.UpdateToken(ids["token"], "new")),
        Row(P, "revoke_token of another", principals.RevokeToken(ids["token"])),
        Row(P, "revoke_origin of another's tokens", principals.RevokeOrigin(ids["token origin"])),
        Row(N, "get_token_users", token_users.GetTokenUsers()),
        Row(N, "set_token_users", token_users.SetTokenUsers((), replace=True)),
        Row(N, "create_secret", secrets.CreateSecret(ids["robot"])),
        Row(N, "list_secrets", secrets.ListSecrets(ids["robot"])),
        Row(N, "delete_secret", secrets.DeleteSecret(ids["robot"], ids["secret"])),
        Row(N, "create_policy of a service principal", federation.CreatePolicy(ids["robot"], rule=RULE)),
        Row(N, "create_policy of the account", federation.CreatePolicy(rule=msgspec.structs.replace(RULE, subject=""))),
        Row(N, "list_policies", federation.ListPolicies(ids["robot"])),
        Row(N, "get_policy", federation.GetPolicy(ids["robot"], policy_id="ci")),
        Row(N, "update_policy", federation.UpdatePolicy(ids["robot"], policy_id="ci", rule=RULE, fields=("subject",))),
        Row(N, "delete_policy", federation.DeletePolicy(ids["robot"], policy_id="ci")),
        Row(N, "link_identity", federation.LinkIdentity("somebody", "https://idp.example", "2")),
        Row(N, "unlink_identity", federation.UnlinkIdentity("somebody", "https://idp.example", "1")),
        Row(N, "list_links", federation.ListLinks("somebody")),
        Row(W, "list_workspace_files: the root", workspace_files.ListWorkspaceFiles(path=ROOT)),
        Row(W, "list_workspace_files: the home of somebody else", workspace_files.ListWorkspaceFiles(path=foreign)),
        Row(W, "get_workspace_file: Shared", workspace_files.GetWorkspaceFile(path=ArtifactPath("Shared"))),
        Row(W, "get_workspace_file in the home of somebody else", workspace_files.GetWorkspaceFile(path=foreign)),
        Row(
            W,
            "make_workspace_directory in Shared",
            workspace_files.MakeWorkspaceDirectory(path=ArtifactPath("Shared/d")),
        ),
        Row(
            W,
            "make_workspace_directory in the home of somebody else",
            workspace_files.MakeWorkspaceDirectory(path=foreign),
        ),
        Row(W, "delete_workspace_file in the home of somebody else", workspace_files.DeleteWorkspaceFile(path=foreign)),
        Row(
            W, "get_workspace_permissions of the root", workspace_permissions.GetWorkspacePermissions("directories", 0)
        ),
        Row(
            W,
            "set_workspace_permissions of the root",
            workspace_permissions.SetWorkspacePermissions("directories", 0, (), replace=True),
        ),
        Row(
            W,
            "get_workspace_permissions of nothing",
            workspace_permissions.GetWorkspacePermissions("directories", 1),
        ),
        Row(
            W,
            "get_workspace_permissions in the home of somebody else",
            workspace_permissions.GetWorkspacePermissions("directories", shared_id),
        ),
        Row(
            W,
            "set_workspace_permissions in the home of somebody else",
            workspace_permissions.SetWorkspacePermissions("directories", shared_id, (), replace=True),
        ),
        Row(
            W,
            "get_workspace_file with CAN_READ on it",
            workspace_files.GetWorkspaceFile(path=ArtifactPath("Users/somebody/shared")),
        ),
        Row(
            W,
            "list_workspaces: sees dev",
            workspaces.ListWorkspaces(),
            lambda result: "1" if any(w.name == "dev" for w in result) else "0",
        ),
        Row(W, "get_workspace dev", workspaces.GetWorkspace("dev")),
        Row(W, "create_workspace", workspaces.CreateWorkspace("test", "test.example.com")),
        Row(W, "update_workspace", workspaces.UpdateWorkspace("dev", "development")),
        Row(W, "delete_workspace", workspaces.DeleteWorkspace("dev")),
        Row(W, "list_assignments of dev", workspaces.ListAssignments("dev")),
        Row(W, "assign to dev", workspaces.Assign("dev", "stranger")),
        Row(W, "unassign from dev", workspaces.Unassign("dev", "stranger")),
        Row(W, "assign to default", workspaces.Assign("1", "stranger")),
        Row(W, "get_default_catalog", workspaces.GetDefaultCatalog("dev")),
        Row(W, "set_default_catalog of dev", workspaces.SetDefaultCatalog("dev", "main", "0")),
        Row(W, "get_catalog, not bound", catalogs.GetCatalog(walled.parent.parent)),
        Row(W, "get_model, not bound", models.GetModel(walled)),
        Row(W, "browse_model, not bound", models.BrowseModel(walled), _browsed),
        Row(W, "list_models: sees one not bound", models.ListModels(), _listed(WALLED)),
        Row(
            W,
            "search_models: sees one not bound",
            model_search.SearchModels(f"name = '{WALLED}'"),
            lambda p: "1" if p.items else "0",
        ),
        Row(W, "copy_version of one not bound", versions.CopyVersion(walled, 1, open_model)),
        Row(W, "get_bindings, not bound", bindings.GetBindings(walled.parent.parent)),
        Row(W, "isolate_catalog, not bound", bindings.IsolateCatalog(walled.parent.parent, False)),
        Row(W, "get_version, read-only", versions.GetVersion(text, 1)),
        Row(W, "open_file, read-only", files.OpenFile(path=mlmodel, name=text, version=1)),
        Row(W, "emit_lineage, read-only", lineage.EmitLineage(text, 1, (lineage.Entity("JOB", "7"),))),
        Row(W, "emit_upstream, read-only", lineage.EmitUpstream(text, 1, (lineage.Entity("TABLE", "a.b.c"),))),
        Row(W, "copy_version of a read-only one", versions.CopyVersion(text, 1, open_model)),
        Row(W, "copy_version to a read-only one", versions.CopyVersion(open_model, 1, text)),
        Row(W, "create_version, read-only", versions.CreateVersion(name=text)),
        Row(W, "vend_upload, read-only", files.VendUpload(path=extra, name=text, version=1)),
        Row(W, "change_tags, read-only", models.ChangeTags(text, None, {"team": "b"})),
        Row(W, "create_schema, read-only", catalogs.CreateSchema(name=text.parent.parent.child("fresh"))),
        Row(K, "create_endpoint without a model", endpoints.CreateEndpoint(endpoint="fresh")),
        Row(K, "create_endpoint of churn", endpoints.CreateEndpoint(endpoint="fresh", models=served)),
        Row(K, "get_endpoint", endpoints.GetEndpoint("scores")),
        Row(
            K,
            "list_endpoints: sees scores",
            endpoints.ListEndpoints(),
            lambda result: "1" if any(endpoint.name == "scores" for endpoint in result) else "0",
        ),
        Row(K, "update_endpoint_config", endpoints.UpdateEndpointConfig("scores", models=served)),
        Row(K, "patch_endpoint_tags", endpoints.PatchEndpointTags("scores", add=(("a", "b"),))),
        Row(K, "delete_endpoint", endpoints.DeleteEndpoint("scores")),
        Row(K, "query_endpoint", endpoints.QueryEndpoint("scores")),
        Row(K, "get_endpoint_permissions", endpoint_permissions.GetEndpointPermissions(ids["endpoint"])),
        Row(
            K,
            "set_endpoint_permissions",
            endpoint_permissions.SetEndpointPermissions(ids["endpoint"], (), replace=True),
        ),
        Row(A, "find_audit", audit_log.FindAudit()),
        Row(A, "export_audit", audit_log.ExportAudit()),
        Row(A, "list_archives", audit_log.ListArchives()),
        Row(A, "get_activity of model", audit_log.GetActivity(m)),
        Row(A, "get_activity of schema", audit_log.GetActivity(name(SCHEMA))),
        Row(A, "get_activity of catalog", audit_log.GetActivity(name(CATALOG))),
        Row(A, "summarize_activity of model", audit_log.SummarizeActivity(m)),
        Row(A, "get_storage", explorer.GetStorage()),
        Row(A, "list_jobs", audit_log.ListJobs()),
    ]


class _NoModels:
    """In the place of an engine of serving endpoints, for who may ask for one."""

    def wake(self) -> None:
        """Nothing is to be done."""


class _OpenedTables(DeltaReader):
    """Opens each table, and finds nothing in it."""

    async def history(self, url: StorageUrl, root: str, credentials: TemporaryCredentials | None) -> DeltaHistory:
        return DeltaHistory(0, 0, 0, 0, ())

    async def sample(self, url: StorageUrl, root: str, credentials: TemporaryCredentials | None) -> DeltaSample:
        return DeltaSample(0, (), 0, (), False)


class _Echo:
    """In the place of a language model, for who may ask it."""

    model = "echo"

    async def describe(self, facts: str) -> str:
        return facts


async def build(w: World) -> dict[str, str]:
    """prod.ml.churn with a READY version 1 (@champion, tags, lineage) and a complete PENDING version 2."""
    w.engine.services = msgspec.structs.replace(w.engine.services, writer=_Echo(), serving=_NoModels())
    w.engine.services = msgspec.structs.replace(w.engine.services, writer=_Echo(), tables=_OpenedTables())
    for group in (
        "metastore admins",
        "model owners",
        "schema owners",
        "catalog owners",
        "object owners",
        "movers",
        "tag assigners",
        "tag managers",
        "tag makers",
    ):
        await w.group(group)
    await w.own("", "metastore admins")
    await w.catalog(CATALOG, owner="catalog owners")
    await w.schema(SCHEMA, owner="schema owners")
    await w.model(MODEL, owner="maker", maker=USE)
    maker = w.as_("maker")
    await w.grant("maker", f"CREATE_VOLUME@{SCHEMA}+CREATE_TABLE@{SCHEMA}+CREATE_FUNCTION@{SCHEMA}")
    volume = leaf(VOLUME, Kind.VOLUME)
    await maker.do(volumes.CreateVolume(volume))
    admin = w.as_("admin")
    role, lake = beside("role", Kind.STORAGE_CREDENTIAL), beside("lake", Kind.EXTERNAL_LOCATION)
    await w.group("storage owners")
    await admin.do(principals.AddMember("metastore admins", "admin"))
    await admin.do(external_locations.CreateStorageCredential(name=role, role_arn=ROLE))
    await admin.do(external_locations.CreateExternalLocation(name=lake, url="file:///lake"))
    bucket = beside("bucket", Kind.EXTERNAL_LOCATION)
    await admin.do(external_locations.CreateExternalLocation(name=bucket, url="s3://bucket/x", credential=role))
    for text in (role, lake, bucket):
        await admin.do(catalogs.TransferOwnership(text, "storage owners"))
    board = beside("board", Kind.EXTERNAL_METADATA)
    await admin.do(external_metadata.CreateExternalMetadata(board, ON_A_BOARD))
    await w.grant("maker", "CREATE_EXTERNAL_TABLE+CREATE_EXTERNAL_VOLUME", "lake!EXTERNAL_LOCATION")
    made_table = await maker.do(tables.CreateTable(leaf(TABLE, Kind.TABLE), DEFINED))
    landing = leaf(LANDING, Kind.VOLUME)
    made_volume = await maker.do(volumes.CreateVolume(landing, "EXTERNAL", storage_location="file:///lake/landing"))
    await admin.do(links.RecordLink(source=Node(leaf(TABLE, Kind.TABLE)), target=Node(board)))
    await maker.do(functions.CreateFunction(leaf(FUNCTION, Kind.FUNCTION), COMPUTED))
    actor = await w.actor("maker")
    await w.engine.execute(actor, files.WriteFile(path=ArtifactPath("a.bin"), name=volume), body=chunks(b"1"))
    prompt = leaf(PROMPT, Kind.PROMPT)
    await maker.do(prompts.CreatePrompt(prompt, "Says hello", {"team": "a"}))
    await maker.do(prompts.CreatePromptVersion(prompt, '"Hello {{name}}"'), prompts.SetPromptAlias(prompt, "live", 1))
    for text in (f"{VOLUME}!VOLUME", f"{LANDING}!VOLUME", f"{TABLE}!TABLE", f"{FUNCTION}!FUNCTION", f"{PROMPT}!PROMPT"):
        await w.own(text, "object owners")
    await w.grant("somebody else", f"READ_VOLUME@{VOLUME}!VOLUME")
    settings = msgspec.structs.replace(w.engine.services.settings, tables_root=parse_storage_url("file:///managed"))
    w.engine.services = msgspec.structs.replace(w.engine.services, settings=settings)
    staging = await maker.do(delta_tables.StageTable(leaf("prod.ml.fresh", Kind.TABLE)))
    storage_ids = {"table": made_table.id, "landing": made_volume.id, "staging": staging.id}
    await w.grant("somebody else", f"EXECUTE@{CATALOG}+EXECUTE@{SCHEMA}+EXECUTE@{MODEL}")
    everyone = "USE_CATALOG@open+USE_SCHEMA@open.ml+EXECUTE@open.ml.model+CREATE_MODEL_VERSION@open.ml.model"
    await w.model("open.ml.model", owner="maker")
    await w.grant("account users", everyone)
    await w.version("open.ml.model")
    for text in (WALLED, SHOWN):
        await w.model(text, owner="maker")
        await w.grant("account users", f"ALL_PRIVILEGES@{text.partition('.')[0]}")
        await w.version(text)
    admin = w.as_("admin")
    await admin.do(workspaces.CreateWorkspace("dev", "dev.example.com"))
    for text in (WALLED, SHOWN):
        await admin.do(bindings.IsolateCatalog(name(text.partition(".")[0]), True))
    await admin.do(bindings.ChangeBindings(name("walled"), remove=("1",)))
    await admin.do(bindings.ChangeBindings(name("shown"), (CatalogBinding("1", "READ_ONLY"),)))
    version = await w.version(
        MODEL, run_id="run1", logged_model_id="m-1", upstream=(lineage.Entity("TABLE", "prod.ml.features"),)
    )
    await w.as_("maker").do(models.SetAlias(name(MODEL), "champion", version.version))
    await w.as_("maker").do(models.ChangeTags(name(MODEL), None, {"team": "a"}))
    await w.pending(MODEL)
    upload = await w.as_("maker").do(uploads.StartUpload(path=ArtifactPath("extra.bin"), name=name(MODEL), version=2))
    await w.own(MODEL, "model owners")
    await w.group("inner readers")
    await w.group("outer readers")
    await w.as_("admin").do(principals.AddMember("outer readers", "inner readers"))
    await w.grant("outer readers", f"EXECUTE@{MODEL}+{USE}")
    await w.user("account admin".replace(" ", "-"), account_admin=True)
    await w.user("somebody")
    endpoint = await w.as_("maker").do(endpoints.CreateEndpoint(endpoint="scores"))
    levels: tuple[tuple[str, Level], ...] = (
        ("inner readers", "CAN_VIEW"),
        ("movers", "CAN_QUERY"),
        ("tag managers", "CAN_MANAGE"),
    )
    permissions = tuple(endpoint_permissions.EndpointPermission(group, ("GROUP",), level) for group, level in levels)
    await w.as_("maker").do(endpoint_permissions.SetEndpointPermissions(endpoint.id, permissions, replace=True))
    for who in ACTORS:
        await w.user(who.user)
        await w.grant(who.user, who.granted_at)
        for group in who.groups:
            await w.as_("admin").do(principals.AddMember(group, who.user))
    await admin.do(workspaces.Assign("dev", "admin-of-workspace-dev", "ADMIN"))
    token = await w.as_("admin").do(principals.CreateToken(principal="somebody"))
    await w.as_("admin").do(principals.CreatePrincipal("SERVICE_PRINCIPAL", "robot"))
    number = (await w.rows("SELECT number FROM principals WHERE name = 'somebody'"))[0][0]
    emails = [{"value": "some@body.io"}]
    change = PatchOperation("add", "", {"externalId": "e-1", "emails": emails})
    await w.as_("admin").do(identities.PatchIdentity("USER", str(number), (change,)))
    robot = str((await w.rows("SELECT number FROM principals WHERE name = 'robot'"))[0][0])
    secret = await w.as_("admin").do(secrets.CreateSecret(robot))
    await w.as_("admin").do(federation.CreatePolicy(robot, rule=RULE, policy_id="ci"))
    await w.as_("admin").do(federation.LinkIdentity("somebody", "https://idp.example", "1"))
    ids = {"token": token.info.id, "token origin": token.info.origin_id, "upload": upload, "somebody": str(number)}
    ids["group"] = str((await w.rows("SELECT number FROM principals WHERE name = 'outer readers'"))[0][0])
    ids["shared folder"] = await _share_folder(w)
    return ids | {"robot": robot, "secret": secret.info.id} | storage_ids | {"endpoint": endpoint.id} | await _govern(w)


async def _share_folder(w: World) -> str:
    """A folder in the home of somebody, which one user may read and another manages: its object id."""
    somebody, path = w.as_("somebody"), ArtifactPath("Users/somebody/shared")
    await somebody.do(workspace_files.MakeWorkspaceDirectory(path=path))
    entry = await somebody.do(workspace_files.GetWorkspaceFile(path=path))
    levels = (("USE-CATALOG", ObjectLevel.CAN_READ), ("USE-SCHEMA", ObjectLevel.CAN_MANAGE))
    named = tuple(workspace_permissions.NamedLevel(who, ("USER",), level) for who, level in levels)
    await somebody.do(
        workspace_permissions.SetWorkspacePermissions("directories", entry.object_id, named, replace=True)
    )
    return str(entry.object_id)


async def _govern(w: World) -> dict[str, str]:
    """@guarded of churn is for movers, tag `grade` is governed, and somebody has asked for EXECUTE on churn."""
    admin = w.as_("admin")
    owner = w.as_("owner of all three".replace(" ", "-"))
    await owner.do(protected_aliases.ProtectAlias(name(MODEL), "guarded", ("movers",)))
    policy = await admin.do(tag_policies.CreateTagPolicy("grade", "", ("a", "b")))
    etag = (await admin.do(tag_policies.GetTagRules(policy.id))).etag
    rules = (("ASSIGN", "tag assigners"), ("MANAGE", "tag managers"))
    tag_rules = await admin.do(tag_policies.SetTagRules(policy.id, etag, rules))
    etag = (await admin.do(tag_policies.GetTagRules())).etag
    of_all = await admin.do(tag_policies.SetTagRules("", etag, (("CREATE", "tag makers"),)))
    expected = access_requests.RequestedPrivileges(name(MODEL), ("EXECUTE",))
    (result,) = await owner.do(access_requests.AskAccess((access_requests.Ask((expected,), "somebody"),)))
    return {"policy": policy.id, "etag": tag_rules.etag, "etag of all": of_all.etag, "request": result.requests[0]}
