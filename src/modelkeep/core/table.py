"""The security review page: every operation of the registry, what it needs, and the audit event that it leaves.

Needs are read top-down: the usage of every parent first (USE CATALOG, USE SCHEMA, or MANAGE, ownership, metastore admin),
then what the row says. Source: Databricks' privileges reference, manage-model-lifecycle page and SDK docstrings.
"""

import msgspec

from modelkeep.core.authz import ANYONE, ASK, HOLDER, OWNER, OWNER_OR_ADMIN, OWNER_OR_MANAGE, Need, holds
from modelkeep.core.kinds import Kind
from modelkeep.core.operation import On, Operation
from modelkeep.core.ops import (
    access,
    audit,
    bindings,
    catalogs,
    credentials,
    directories,
    drafts,
    explain,
    explore,
    federation,
    files,
    finalize,
    functions,
    grants,
    identities,
    lineage,
    metastores,
    models,
    objects,
    principals,
    protection,
    search,
    secrets,
    tables,
    tag_policies,
    uploads,
    versions,
    volumes,
    workspaces,
)
from modelkeep.core.privileges import Privilege as P

READ = models.READ
READ_OBJECT = objects.READ
BROWSE_OBJECT = msgspec.structs.replace(READ_OBJECT, browse=True)
BROWSE = Need(any_of=(P.EXECUTE,), admin=True, browse=True)
WRITE_VERSION = holds(P.CREATE_MODEL_VERSION)
TAG = holds(P.APPLY_TAG)
MAKE_MODEL = holds(P.CREATE_MODEL, P.CREATE_FUNCTION)
SEE_CATALOG, SEE_SCHEMA = catalogs.SEE[Kind.CATALOG], catalogs.SEE[Kind.SCHEMA]
BROWSE_CATALOG, BROWSE_SCHEMA = (msgspec.structs.replace(need, browse=True) for need in (SEE_CATALOG, SEE_SCHEMA))

MANAGE_POLICY = "account admin, or MANAGE on the tag policy (for the rules of all of them: account admin)"

# Without a name the files are a run's, a logged model's or a trace's: then the workspace decides, in `prepare`.
# A volume's files are data, which no metastore admin reads without granting it to himself first.
READ_VOLUME = holds(P.READ_VOLUME)
READ_FILES = On("name", READ, optional=True, on_volume=READ_VOLUME)
WRITE_FILES = On("name", WRITE_VERSION, optional=True, on_volume=holds(P.WRITE_VOLUME), writes=True)
SOURCE = On("source_model", READ, optional=True, writes=False)

# A catalog that is bound to the wrong workspaces could not be mended otherwise.
BOUND_FROM_ANYWHERE = On("name", OWNER_OR_ADMIN, anywhere=True)

OPERATIONS: tuple[Operation, ...] = (
    # metastore, catalogs, schemas
    Operation(catalogs.get_metastore, catalogs.GetMetastore, "metastore.get", (On("name", ANYONE),), "read", "buffered"),
    Operation(metastores.read_metastore, metastores.ReadMetastore, "metastore.get", (On("name", OWNER_OR_ADMIN),), "read", "buffered"),
    Operation(metastores.rename_metastore, metastores.RenameMetastore, "metastore.rename", (On("name", OWNER_OR_ADMIN),)),
    Operation(metastores.transfer_metastore, metastores.TransferMetastore, "securable.transfer", (On("name", OWNER_OR_ADMIN),),
              account_admin_may=True),
    Operation(metastores.get_assignment, metastores.GetAssignment, "metastore.get", (On("name", ANYONE),), "read", "buffered"),
    Operation(metastores.get_quota, metastores.GetQuota, "quota.get", (On("name", HOLDER, any_kind=True),), "read", "buffered"),
    Operation(metastores.list_quotas, metastores.ListQuotas, "quota.list", (On("name", OWNER_OR_ADMIN),), "read", "buffered", scans=True),
    Operation(catalogs.create_catalog, catalogs.CreateCatalog, "catalog.create",
              (On("name", holds(P.CREATE_CATALOG, admin=True), parent=True),), creates=True),
    Operation(catalogs.list_catalogs, catalogs.ListCatalogs, "catalog.list", (On("name", ANYONE),), "read", "buffered", scans=True),
    Operation(catalogs.create_schema, catalogs.CreateSchema, "schema.create",
              (On("name", holds(P.CREATE_SCHEMA, admin=True), parent=True),), creates=True),
    Operation(catalogs.list_schemas, catalogs.ListSchemas, "schema.list", (On("catalog", SEE_CATALOG),), "read", "buffered", scans=True),
    Operation(catalogs.get_container, catalogs.GetCatalog, "catalog.get", (On("name", SEE_CATALOG),), "read", "buffered"),
    Operation(catalogs.get_container, catalogs.GetSchema, "schema.get", (On("name", SEE_SCHEMA),), "read", "buffered"),
    Operation(catalogs.browse_container, catalogs.BrowseCatalog, "catalog.get", (On("name", BROWSE_CATALOG),), "read", "buffered"),
    Operation(catalogs.browse_container, catalogs.BrowseSchema, "schema.get", (On("name", BROWSE_SCHEMA),), "read", "buffered"),
    Operation(catalogs.browse_catalogs, catalogs.BrowseCatalogs, "catalog.list", (On("name", ANYONE),), "read", "buffered", scans=True),
    Operation(catalogs.browse_schemas, catalogs.BrowseSchemas, "schema.list", (On("catalog", BROWSE_CATALOG),), "read", "buffered",
              scans=True),
    Operation(bindings.get_bindings, bindings.GetBindings, "catalog.get", (BOUND_FROM_ANYWHERE,), "read", "buffered"),
    Operation(bindings.change_bindings, bindings.ChangeBindings, "catalog.bind", (BOUND_FROM_ANYWHERE,)),
    Operation(bindings.isolate_catalog, bindings.IsolateCatalog, "catalog.isolate", (On("name", OWNER, anywhere=True),)),
    Operation(catalogs.update_comment, catalogs.UpdateComment, "securable.update", (On("name", OWNER_OR_ADMIN),)),
    Operation(catalogs.update_comment, catalogs.UpdateCatalogComment, "securable.update", (On("name", OWNER),)),
    Operation(catalogs.update_spec, catalogs.UpdateCatalogSpec, "securable.update", (On("name", OWNER),)),
    Operation(catalogs.update_spec, catalogs.UpdateSpec, "securable.update", (On("name", OWNER_OR_ADMIN),)),
    Operation(catalogs.transfer_ownership, catalogs.TransferOwnership, "securable.transfer",
              (On("name", OWNER_OR_MANAGE, any_kind=True),)),
    Operation(catalogs.rename_catalog, catalogs.RenameCatalog, "catalog.rename", (On("name", OWNER),)),
    Operation(catalogs.rename_schema, catalogs.RenameSchema, "schema.rename",
              (On("name", OWNER), On("name", holds(P.CREATE_SCHEMA), parent=True))),
    Operation(catalogs.delete_container, catalogs.DeleteContainer, "securable.delete", (On("name", OWNER_OR_MANAGE),)),
    # registered models
    Operation(models.create_model, models.CreateModel, "model.create", (On("name", MAKE_MODEL, parent=True),), creates=True),
    Operation(models.get_model, models.GetModel, "model.get", (On("name", READ),), "read", "buffered"),
    Operation(models.list_models, models.ListModels, "model.list", (On("schema", SEE_SCHEMA, optional=True),), "read", "buffered",
              scans=True),
    Operation(models.browse_model, models.BrowseModel, "model.get", (On("name", BROWSE),), "read", "buffered"),
    Operation(models.browse_models, models.BrowseModels, "model.list", (On("schema", BROWSE_SCHEMA, optional=True),), "read", "buffered",
              scans=True),
    Operation(models.rename_model, models.RenameModel, "model.rename",
              (On("name", OWNER), On("name", MAKE_MODEL, parent=True))),
    Operation(models.delete_model, models.DeleteModel, "model.delete", (On("name", OWNER_OR_MANAGE),)),
    Operation(models.set_alias, models.SetAlias, "alias.set", (On("name", OWNER_OR_MANAGE),)),
    Operation(models.delete_alias, models.DeleteAlias, "alias.delete", (On("name", OWNER_OR_MANAGE),)),
    # functions, volumes, tables
    Operation(volumes.create_volume, volumes.CreateVolume, "volume.create",
              (On("name", holds(P.CREATE_VOLUME), parent=True),), creates=True),
    Operation(tables.create_table, tables.CreateTable, "table.create",
              (On("name", holds(P.CREATE_TABLE), parent=True),), creates=True),
    Operation(functions.create_function, functions.CreateFunction, "function.create",
              (On("name", holds(P.CREATE_FUNCTION), parent=True),), creates=True),
    Operation(objects.get_object, objects.GetObject, "securable.get", (On("name", READ_OBJECT),), "read", "buffered"),
    Operation(objects.list_objects, objects.ListObjects, "securable.list", (On("schema", SEE_SCHEMA),), "read", "buffered", scans=True),
    Operation(objects.browse_object, objects.BrowseObject, "securable.get", (On("name", BROWSE_OBJECT),), "read", "buffered"),
    Operation(objects.browse_objects, objects.BrowseObjects, "securable.list", (On("schema", BROWSE_SCHEMA),), "read", "buffered",
              scans=True),
    Operation(objects.rename_object, objects.RenameObject, "securable.rename", (On("name", OWNER_OR_ADMIN),)),
    Operation(objects.delete_object, objects.DeleteObject, "securable.delete", (On("name", OWNER_OR_MANAGE),)),
    Operation(tables.table_exists, tables.TableExists, "table.get", (On("name", ANYONE, parent=True),), "read", "buffered"),
    Operation(tables.list_table_summaries, tables.ListTableSummaries, "table.list", (On("catalog", SEE_CATALOG),), "read", "buffered",
              scans=True),
    # tags
    Operation(models.change_tags, models.ChangeTags, "tag.change", (On("name", TAG, any_kind=True),)),
    Operation(models.assign_tag, models.AssignTag, "tag.change", (On("name", TAG, any_kind=True),)),
    Operation(models.reassign_tag, models.ReassignTag, "tag.change", (On("name", TAG, any_kind=True),)),
    Operation(models.list_tags, models.ListCatalogTags, "tag.list", (On("name", SEE_CATALOG),), "read", "buffered"),
    Operation(models.list_tags, models.ListSchemaTags, "tag.list", (On("name", SEE_SCHEMA),), "read", "buffered"),
    Operation(models.list_tags, models.ListObjectTags, "tag.list",
              (On("name", READ_OBJECT, any_kind=True),), "read", "buffered"),
    # model versions
    Operation(versions.create_version, versions.CreateVersion, "version.create",
              (On("name", WRITE_VERSION), SOURCE), prepare=versions.read_source),
    Operation(versions.register_version, versions.RegisterVersion, "version.create",
              (On("name", WRITE_VERSION), SOURCE, On("volume", READ_VOLUME, optional=True, writes=False)),
              prepare=versions.read_origin),
    Operation(finalize.finalize_version, finalize.FinalizeVersion, "version.finalize", (On("name", WRITE_VERSION),),
              prepare=finalize.check_files),
    Operation(versions.get_version, versions.GetVersion, "version.get", (On("name", READ),), "read", "buffered"),
    Operation(versions.get_version_by_alias, versions.GetVersionByAlias, "version.get", (On("name", READ),), "read", "buffered"),
    Operation(versions.list_versions, versions.ListVersions, "version.list", (On("name", READ),), "read", "buffered", scans=True),
    Operation(versions.browse_version, versions.BrowseVersion, "version.get", (On("name", BROWSE),), "read", "buffered"),
    Operation(versions.browse_versions, versions.BrowseVersions, "version.list", (On("name", BROWSE),), "read", "buffered", scans=True),
    Operation(search.search_versions, search.SearchVersions, "version.list", (), "read", "buffered", scans=True),
    Operation(search.search_models, search.SearchModels, "model.list", (), "read", "buffered", scans=True),
    Operation(explore.get_me, explore.GetMe, "principal.get", (), "read", "buffered"),
    Operation(explore.search_securables, explore.SearchSecurables, "securable.list", (), "read", "buffered", scans=True),
    Operation(explore.list_files, explore.ListFiles, "file.list", (On("name", READ),), "read", "buffered"),
    Operation(versions.find_logged_model, versions.FindLoggedModel, "version.get", (), "read", "buffered"),
    Operation(versions.update_version, versions.UpdateVersion, "version.update", (On("name", OWNER_OR_ADMIN),)),
    # Refused to whom the change is refused that it is for; what is told to the language model is in the audit log as such.
    Operation(drafts.draft_comment, drafts.DraftComment, "model.draft", (On("name", OWNER_OR_ADMIN, writes=True),), "read", "own_tx",
              finish=drafts.write),
    Operation(drafts.draft_version_comment, drafts.DraftVersionComment, "version.draft",
              (On("name", OWNER_OR_ADMIN, writes=True),), "read", "own_tx", finish=drafts.write),
    Operation(versions.delete_version, versions.DeleteVersion, "version.delete", (On("name", OWNER_OR_MANAGE),)),
    Operation(versions.copy_version, versions.CopyVersion, "version.copy",
              (On("name", READ, writes=False), On("destination", WRITE_VERSION))),
    # ways to a version's files other than URLs
    Operation(credentials.read_credentials, credentials.ReadCredentials, "version.vend_read", (On("name", READ),), "read", "vending",
              finish=credentials.issue),
    Operation(credentials.write_credentials, credentials.WriteCredentials, "version.vend_write", (On("name", WRITE_VERSION),),
              record="vending", finish=credentials.issue),
    Operation(versions.create_version, credentials.CreateInFolder, "version.create",
              (On("name", WRITE_VERSION), SOURCE), prepare=versions.read_source,
              finish=credentials.open_folder),
    Operation(credentials.get_in_folder, credentials.GetInFolder, "version.vend_read", (On("name", READ),), "read", "vending",
              finish=credentials.export),
    # files
    Operation(directories.list_directory, directories.ListDirectory, "file.list", (READ_FILES,), "read", "buffered",
              outside=files.may_read),
    Operation(directories.make_directory, directories.MakeDirectory, "directory.create", (WRITE_FILES,), outside=files.may_write),
    Operation(files.open_file, files.OpenFile, "file.read", (READ_FILES,), "read", "vending", outside=files.may_read),
    Operation(files.vend_download, files.VendDownload, "file.vend_read", (READ_FILES,), "read", "vending", outside=files.may_read),
    Operation(files.vend_upload, files.VendUpload, "file.vend_write", (WRITE_FILES,), "read", "vending", outside=files.may_write),
    Operation(files.vend_direct_upload, files.VendDirectUpload, "file.vend_write", (WRITE_FILES,), record="vending",
              outside=files.may_write),
    Operation(files.write_file, files.WriteFile, "file.write", (WRITE_FILES,), prepare=files.store_bytes),
    Operation(files.write_small_file, files.WriteSmallFile, "file.write", (WRITE_FILES,)),
    Operation(files.delete_file, files.DeleteFile, "file.delete", (WRITE_FILES,), outside=files.may_write),
    Operation(directories.delete_directory, directories.DeleteDirectory, "directory.delete", (WRITE_FILES,),
              outside=files.may_write),
    Operation(uploads.start_upload, uploads.StartUpload, "upload.start", (WRITE_FILES,), prepare=uploads.prepare_upload),
    Operation(uploads.vend_parts, uploads.VendParts, "file.vend_write", (WRITE_FILES,), "read", "vending", outside=files.may_write),
    Operation(uploads.write_part, uploads.WritePart, "upload.write_part", (WRITE_FILES,), record="vending",
              prepare=uploads.store_part),
    Operation(uploads.complete_upload, uploads.CompleteUpload, "file.write", (WRITE_FILES,), outside=files.may_write),
    Operation(uploads.abort_upload, uploads.AbortUpload, "upload.abort", (WRITE_FILES,), outside=files.may_write),
    # lineage
    Operation(lineage.get_lineage, lineage.GetLineage, "lineage.get", (On("name", READ),), "read", "buffered", scans=True),
    # A note of who used what changes nothing of the model: a read-only binding lets it pass, as it lets the use.
    Operation(lineage.emit_lineage, lineage.EmitLineage, "lineage.emit", (On("name", READ, writes=False),)),
    Operation(lineage.emit_upstream, lineage.EmitUpstream, "lineage.emit", (On("name", WRITE_VERSION),)),
    Operation(lineage.find_consumers, lineage.FindConsumers, "lineage.get", (), "read", "buffered", scans=True),
    # grants
    Operation(grants.get_grants, grants.GetGrants, "grants.get", (On("name", HOLDER, any_kind=True),), "read", "own_tx", scans=True),
    Operation(grants.get_effective_grants, grants.GetEffectiveGrants, "grants.get",
              (On("name", HOLDER, any_kind=True),), "read", "own_tx", scans=True),
    Operation(grants.change_grants, grants.ChangeGrants, "grants.change", (On("name", OWNER_OR_MANAGE, any_kind=True),)),
    Operation(explain.explain, explain.Explain, "grants.explain", (), "read", "own_tx",
              decides="about others: account admin, or ownership or MANAGE or metastore admin on `name`; about oneself: signed in"),
    Operation(explain.what_may_i, explain.WhatMayI, "grants.explain", (On("name", ASK, any_kind=True),), "read", "buffered"),
    # protected aliases
    Operation(protection.list_protected_aliases, protection.ListProtectedAliases, "alias.list_protected",
              (On("name", HOLDER, any_kind=True),), "read", "buffered"),
    Operation(protection.protect_alias, protection.ProtectAlias, "alias.protect", (On("name", OWNER_OR_MANAGE, any_kind=True),)),
    Operation(protection.unprotect_alias, protection.UnprotectAlias, "alias.unprotect",
              (On("name", OWNER_OR_MANAGE, any_kind=True),)),
    # governed tags
    Operation(tag_policies.list_tag_policies, tag_policies.ListTagPolicies, "tag_policy.list", (), "read", "buffered"),
    Operation(tag_policies.get_tag_policy, tag_policies.GetTagPolicy, "tag_policy.get", (), "read", "buffered"),
    Operation(tag_policies.create_tag_policy, tag_policies.CreateTagPolicy, "tag_policy.create",
              decides="account admin, or CREATE on tag policies"),
    Operation(tag_policies.update_tag_policy, tag_policies.UpdateTagPolicy, "tag_policy.update", decides=MANAGE_POLICY),
    Operation(tag_policies.delete_tag_policy, tag_policies.DeleteTagPolicy, "tag_policy.delete", decides=MANAGE_POLICY),
    Operation(tag_policies.get_tag_rules, tag_policies.GetTagRules, "tag_policy.get_rules", (), "read", "own_tx",
              decides=MANAGE_POLICY),
    Operation(tag_policies.set_tag_rules, tag_policies.SetTagRules, "tag_policy.set_rules", decides=MANAGE_POLICY),
    # requests for access
    Operation(access.ask_access, access.AskAccess, "access.ask",
              decides="to know of each securable: the usage of its parents, or BROWSE on the catalog"),
    Operation(access.list_access_requests, access.ListAccessRequests, "access.list", (), "read", "buffered"),
    Operation(access.decide_access, access.DecideAccess, "access.decide",
              decides="ownership or MANAGE or metastore admin on what is asked for"),
    Operation(access.withdraw_access, access.WithdrawAccess, "access.withdraw", decides="to be who asked, or for whom"),
    Operation(access.get_access_destinations, access.GetAccessDestinations, "access.get_destinations",
              (On("name", ASK, any_kind=True),), "read", "buffered"),
    Operation(access.change_access_destinations, access.ChangeAccessDestinations, "access.change_destinations",
              (On("name", OWNER_OR_MANAGE, any_kind=True),)),
    # principals and tokens
    Operation(principals.create_principal, principals.CreatePrincipal, "principal.create", account_admin=True),
    Operation(principals.list_principals, principals.ListPrincipals, "principal.list", (), "read", "buffered", scans=True),
    Operation(principals.delete_principal, principals.DeletePrincipal, "principal.delete", account_admin=True),
    Operation(principals.set_active, principals.SetActive, "principal.update", account_admin=True),
    Operation(principals.list_members, principals.ListMembers, "group.list", (), "read", "buffered", scans=True),
    Operation(principals.add_member, principals.AddMember, "group.add_member", account_admin=True),
    Operation(principals.remove_member, principals.RemoveMember, "group.remove_member", account_admin=True),
    Operation(identities.list_identities, identities.ListIdentities, "principal.list", (), "read", "buffered", scans=True),
    Operation(identities.get_identity, identities.GetIdentity, "principal.get", (), "read", "buffered", scans=True),
    Operation(identities.get_my_identity, identities.GetMyIdentity, "principal.get", (), "read", "buffered", scans=True),
    Operation(identities.create_identity, identities.CreateIdentity, "principal.create", account_admin=True),
    Operation(identities.replace_identity, identities.ReplaceIdentity, "principal.update", account_admin=True),
    Operation(identities.patch_identity, identities.PatchIdentity, "principal.update", account_admin=True),
    Operation(identities.delete_identity, identities.DeleteIdentity, "principal.delete", account_admin=True),
    Operation(principals.create_token, principals.CreateToken, "token.create"),
    Operation(principals.create_token_for, principals.CreateTokenFor, "token.create", account_admin=True),
    Operation(principals.list_tokens, principals.ListTokens, "token.list", (), "read", "buffered", scans=True),
    Operation(principals.list_all_tokens, principals.ListAllTokens, "token.list", (), "read", "buffered", account_admin=True, scans=True),
    Operation(principals.get_token, principals.GetToken, "token.get", (), "read", "buffered", account_admin=True),
    Operation(principals.update_token, principals.UpdateToken, "token.update"),
    Operation(principals.revoke_token, principals.RevokeToken, "token.revoke"),
    Operation(principals.revoke_origin, principals.RevokeOrigin, "token.revoke"),
    # how machines and people sign in
    Operation(secrets.create_secret, secrets.CreateSecret, "secret.create", account_admin=True),
    Operation(secrets.list_secrets, secrets.ListSecrets, "secret.list", (), "read", "buffered", account_admin=True),
    Operation(secrets.delete_secret, secrets.DeleteSecret, "secret.delete", account_admin=True),
    Operation(federation.create_policy, federation.CreatePolicy, "federation.create", account_admin=True),
    Operation(federation.list_policies, federation.ListPolicies, "federation.list", (), "read", "buffered", account_admin=True),
    Operation(federation.get_policy, federation.GetPolicy, "federation.get", (), "read", "buffered", account_admin=True),
    Operation(federation.update_policy, federation.UpdatePolicy, "federation.update", account_admin=True),
    Operation(federation.delete_policy, federation.DeletePolicy, "federation.delete", account_admin=True),
    Operation(federation.link_identity, federation.LinkIdentity, "identity.link", account_admin=True),
    Operation(federation.unlink_identity, federation.UnlinkIdentity, "identity.unlink", account_admin=True),
    Operation(federation.list_links, federation.ListLinks, "identity.list", (), "read", "buffered", account_admin=True),
    # workspaces
    Operation(workspaces.list_workspaces, workspaces.ListWorkspaces, "workspace.list", (), "read", "buffered"),
    Operation(workspaces.get_workspace, workspaces.GetWorkspace, "workspace.get", (), "read", "buffered"),
    Operation(workspaces.create_workspace, workspaces.CreateWorkspace, "workspace.create", account_admin=True),
    Operation(workspaces.update_workspace, workspaces.UpdateWorkspace, "workspace.update", account_admin=True),
    Operation(workspaces.delete_workspace, workspaces.DeleteWorkspace, "workspace.delete", account_admin=True),
    Operation(workspaces.list_assignments, workspaces.ListAssignments, "workspace.list", (), "read", "buffered",
              workspace_admin=True, scans=True),
    Operation(workspaces.assign, workspaces.Assign, "workspace.assign", workspace_admin=True),
    Operation(workspaces.unassign, workspaces.Unassign, "workspace.unassign", workspace_admin=True),
    # audit and operations
    Operation(audit.find_audit, audit.FindAudit, "audit.read", (), "read", "own_tx", account_admin=True, auditors=True, scans=True),
    Operation(audit.export_audit, audit.ExportAudit, "audit.read", (), "read", "own_tx", account_admin=True, auditors=True, scans=True),
    Operation(audit.list_archives, audit.ListArchives, "audit.read", (), "read", "own_tx", account_admin=True, auditors=True, scans=True),
    Operation(audit.get_activity, audit.GetActivity, "audit.read", (On("name", OWNER_OR_MANAGE, any_kind=True),), "read", "own_tx",
              scans=True),
    Operation(audit.summarize_activity, audit.SummarizeActivity, "audit.read",
              (On("name", OWNER_OR_MANAGE, any_kind=True),), "read", "own_tx", scans=True),
    Operation(explore.get_storage, explore.GetStorage, "storage.get", (), "read", "buffered", account_admin=True,
              prepare=explore.ask_storage, scans=True),
    Operation(audit.list_jobs, audit.ListJobs, "jobs.list", (), "read", "buffered", account_admin=True),
)  # fmt: skip

BY_REQUEST = {operation.request: operation for operation in OPERATIONS}
BY_NAME = {operation.name: operation for operation in OPERATIONS}
assert len(BY_REQUEST) == len(OPERATIONS), "two operations share a request type"
