"""The answers about external metadata and external lineage, as databricks-sdk reads them."""

from typing import NotRequired, TypedDict


class ExternalMetadataInfo(TypedDict):
    id: str
    name: str
    system_type: str
    entity_type: str
    owner: str
    metastore_id: str
    create_time: str
    created_by: str
    update_time: str
    updated_by: str
    description: NotRequired[str]
    url: NotRequired[str]
    columns: NotRequired[list[str]]
    properties: NotRequired[dict[str, str]]


class ExternalMetadataPage(TypedDict):
    external_metadata: list[ExternalMetadataInfo]
    next_page_token: NotRequired[str]


class NamedObject(TypedDict):
    name: str


class VersionObject(TypedDict):
    name: str
    version: str


class PathObject(TypedDict):
    url: str


class LineageObject(TypedDict):
    """One of them."""

    table: NotRequired[NamedObject]
    model_version: NotRequired[VersionObject]
    path: NotRequired[PathObject]
    external_metadata: NotRequired[NamedObject]


class ColumnRelationship(TypedDict):
    source: str
    target: str


class LineageRelationship(TypedDict):
    id: str
    source: LineageObject
    target: LineageObject
    columns: NotRequired[list[ColumnRelationship]]
    properties: NotRequired[dict[str, str]]


class LineageTableInfo(TypedDict):
    catalog_name: str
    schema_name: str
    name: str
    event_time: str


class LineageFileInfo(TypedDict):
    path: str
    event_time: str


class LineageVersionInfo(TypedDict):
    model_name: str
    version: int
    event_time: str


class LineageMetadataInfo(TypedDict):
    name: str
    event_time: str


class LineageInfo(TypedDict):
    """The relationship, and what the other end is."""

    external_lineage_info: LineageRelationship
    table_info: NotRequired[LineageTableInfo]
    file_info: NotRequired[LineageFileInfo]
    model_info: NotRequired[LineageVersionInfo]
    external_metadata_info: NotRequired[LineageMetadataInfo]


class LineagePage(TypedDict):
    external_lineage_relationships: list[LineageInfo]
    next_page_token: NotRequired[str]
