"""Which operations are about which kind of securable (by their first field), for those who ask what may be done with one."""

from modelkeep.domain.kinds import Kind

_ALL = (
    "ask_access",
    "change_access_destinations",
    "change_grants",
    "decide_access",
    "explain",
    "get_access_destinations",
    "get_activity",
    "get_effective_grants",
    "get_grants",
    "summarize_activity",
    "transfer_ownership",
    "what_may_i",
)
_ROUTINE = ("get_routine", "update_routine_comment")
_TAGGED = ("assign_tag", "change_tags", "get_quota", "reassign_tag")
_PROTECTING = ("list_protected_aliases", "protect_alias", "unprotect_alias")
_FILES = (
    "abort_upload", "complete_upload", "delete_directory", "delete_file", "list_directory", "make_directory", "open_file",
    "start_upload", "vend_direct_upload", "vend_download", "vend_parts", "vend_upload", "write_file", "write_part", "write_small_file",
)  # fmt: skip
_OBJECT = ("browse_object", "delete_object", "get_object", "list_object_tags", "rename_object", "update_comment")

APPLIES: dict[Kind, tuple[str, ...]] = {
    Kind.METASTORE: (
        *_ALL, "browse_catalogs", "create_catalog", "get_assignment", "get_metastore", "list_catalogs", "list_quotas",
        "read_metastore", "rename_metastore", "transfer_metastore",
    ),
    Kind.CATALOG: (
        *_ALL, *_TAGGED, *_PROTECTING, "browse_catalog", "browse_schemas", "change_bindings", "create_schema", "delete_container",
        "get_bindings", "get_catalog", "isolate_catalog",
        "list_catalog_tags", "list_schemas", "list_table_summaries", "rename_catalog", "update_catalog_comment",
        "update_catalog_spec",
    ),
    Kind.SCHEMA: (
        *_ALL, *_TAGGED, *_PROTECTING, "browse_models", "browse_objects", "browse_schema",
        "create_function", "create_model", "create_prompt", "create_table", "search_prompts",
        "create_volume", "delete_container", "get_schema", "list_models", "list_objects", "list_schema_tags", "rename_schema",
        "update_comment", "update_spec",
    ),
    Kind.MODEL: (
        *_ALL, *_TAGGED, *_PROTECTING, *_ROUTINE, *_FILES, "browse_model", "browse_version", "browse_versions", "copy_version",
        "create_in_folder", "create_version", "delete_alias", "delete_model", "delete_version", "draft_comment", "draft_version_comment",
        "emit_lineage", "emit_upstream",
        "finalize_version", "get_in_folder", "get_lineage", "get_model", "get_version", "get_version_by_alias",
        "list_files", "list_object_tags", "list_versions", "read_credentials", "register_signed",
        "register_version", "rename_model", "set_alias",
        "update_comment", "update_spec", "update_version", "write_credentials",
    ),
    Kind.FUNCTION: (*_ALL, *_TAGGED, *_OBJECT, *_ROUTINE),
    Kind.VOLUME: (*_ALL, *_TAGGED, *_OBJECT, *_FILES),
    Kind.TABLE: (*_ALL, *_TAGGED, *_OBJECT, "table_exists"),
    Kind.PROMPT: (
        *_ALL, *_TAGGED, *_PROTECTING, "browse_prompt", "change_prompt_version_tags", "create_prompt_version", "delete_prompt",
        "delete_prompt_alias", "delete_prompt_version", "get_prompt", "get_prompt_version", "get_prompt_version_by_alias",
        "list_object_tags", "list_prompt_links", "list_prompt_versions", "rename_prompt", "set_prompt_alias", "update_prompt",
        "update_prompt_version",
    ),
}  # fmt: skip
