"""The answers of the Files API: what the handlers say is checked against these types, and the API's description is made of them."""

from typing import NotRequired, TypedDict


class Header(TypedDict):
    name: str
    value: str


class Url(TypedDict):
    """A signed URL: any client can use it, with these headers, until it expires."""

    url: str
    headers: list[Header]


class PartUrl(Url):
    part_number: int


class PartUrls(TypedDict):
    upload_part_urls: list[PartUrl]


class AbortUrl(TypedDict):
    abort_upload_url: Url


class FilesEntry(TypedDict):
    """A directory has neither size (bytes) nor time (epoch ms)."""

    path: str
    name: str
    is_directory: bool
    file_size: NotRequired[int]
    last_modified: NotRequired[int]


class Directory(TypedDict):
    contents: list[FilesEntry]
    next_page_token: str


class UploadSession(TypedDict):
    session_token: str


class Uploaded(TypedDict):
    """Of `initiate-upload`; `complete-upload` answers an empty object."""

    multipart_upload: NotRequired[UploadSession]


class File(TypedDict):
    """A file as plain MLflow clients read it; a directory has no size (bytes)."""

    path: str
    is_dir: bool
    file_size: NotRequired[int]


class ArtifactList(TypedDict):
    files: list[File]


class SignedUri(TypedDict):
    signed_uri: str
    headers: list[Header]


class UploadPart(TypedDict):
    url: str
    part_number: int
    headers: dict[str, str]


class Parts(TypedDict):
    upload_id: str
    credentials: list[UploadPart]


class WorkspaceObject(TypedDict):
    """A file or directory of the workspace. A directory has neither size (bytes) nor times (epoch ms)."""

    object_type: str
    path: str
    object_id: NotRequired[int]
    """Absent in a directory that is being deleted"""
    resource_id: NotRequired[str]
    size: NotRequired[int]
    created_at: NotRequired[int]
    modified_at: NotRequired[int]


class Objects(TypedDict):
    objects: NotRequired[list[WorkspaceObject]]
    """Absent where the directory is empty"""


class ExportedFile(TypedDict):
    content: str
    """base64"""
    file_type: str
