"""From settings to parts: the database, storage, the sign-in provider, each by itself."""

from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from modelkeep.api.model_shapes import FileAccess
from modelkeep.blobs import shared_folder as shared
from modelkeep.blobs.local import LocalBlobs
from modelkeep.blobs.port import Blobs, DirectBlobs
from modelkeep.blobs.shared_folder import SharedFolder
from modelkeep.core.operation import Services
from modelkeep.domain.errors import BadSetting, InvalidArgument
from modelkeep.domain.model import ModelVersion, Status
from modelkeep.domain.signed_tokens import Signer
from modelkeep.domain.storage_urls import StorageUrl, parse_storage_url
from modelkeep.oidc.issuers import Issuers
from modelkeep.oidc.provider import Client, Provider
from modelkeep.settings import Settings
from modelkeep.store.bootstrap import Deployment
from modelkeep.store.db import Database
from modelkeep.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from modelkeep.blobs.folder_credentials import FolderCredentials
    from modelkeep.blobs.sts import Sts


def database(settings: Settings) -> Database:
    """SQLite in the data directory, or the PostgreSQL that the settings name. Raises BadSetting."""
    if not settings.database_url:
        return SqliteDatabase(settings.data / "modelkeep.db")
    if not settings.database_url.startswith(("postgresql://", "postgres://")):
        raise BadSetting("MODELKEEP_DATABASE_URL must be a postgresql:// URL, or empty for SQLite.")
    from modelkeep.store.postgres import PostgresBounds, PostgresDatabase

    bounds = PostgresBounds(
        readers=settings.database_read_connections,
        writers=settings.database_write_connections,
        scanners=settings.database_scan_connections,
    )
    return PostgresDatabase(settings.database_url, bounds, pooler=settings.database_pooler)


def storage(settings: Settings) -> Blobs:
    """The folder of the data directory, or the S3 bucket that the settings name. Raises BadSetting."""
    if not settings.storage_url:
        return LocalBlobs(settings.data / "artifacts")
    url = urlsplit(settings.storage_url)
    if url.scheme != "s3" or not url.netloc or url.query or url.fragment:
        raise BadSetting("MODELKEEP_STORAGE_URL must be s3://bucket/prefix, or empty for a folder.")
    from modelkeep.blobs.s3 import S3Blobs

    return S3Blobs(url.netloc, url.path.strip("/"), endpoint=settings.s3_endpoint)


def issuer(settings: Settings) -> "Sts | None":
    """The store's STS for files of models, where the settings name a role. Raises BadSetting, Unavailable."""
    if not settings.s3_role_arn:
        return None
    if not settings.storage_url:
        if settings.tables_url.startswith("s3"):
            return None
        raise BadSetting("MODELKEEP_S3_ROLE_ARN is of use only where MODELKEEP_STORAGE_URL is an S3 bucket.")
    from modelkeep.blobs.sts import Sts

    url, endpoint = urlsplit(settings.storage_url), settings.sts_endpoint or settings.s3_endpoint
    seconds = int(settings.credential_minutes * 60)
    return Sts(url.netloc, url.path, settings.s3_role_arn, endpoint=endpoint, seconds=seconds)


def folder_credentials(settings: Settings) -> "FolderCredentials | None":
    """The store's STS for tables, volumes and paths, where the settings name a store. Raises BadSetting, Unavailable."""
    in_s3 = settings.tables_url.startswith("s3")
    if not (in_s3 or settings.s3_endpoint or settings.sts_endpoint or settings.s3_role_arn):
        return None
    from modelkeep.blobs.folder_credentials import FolderCredentials
    from modelkeep.blobs.sts import StsClient

    endpoint = settings.sts_endpoint or settings.s3_endpoint
    return FolderCredentials(StsClient(endpoint=endpoint, seconds=int(settings.credential_minutes * 60)))


def tables_root(settings: Settings) -> StorageUrl | None:
    """Where managed tables lie. Raises BadSetting where the folder is not there, or is part of the server's own storage."""
    if not settings.tables_url:
        return None
    try:
        root = parse_storage_url(settings.tables_url, "MODELKEEP_TABLES_URL")
    except InvalidArgument as error:
        raise BadSetting(error.message) from error
    if root.scheme == "file":
        folder = Path(f"/{root.path}")
        if not folder.is_dir():
            raise BadSetting(
                f"MODELKEEP_TABLES_URL names {folder}, which is no directory. Create it for the users of tables."
            )
        root = parse_storage_url(str(folder.resolve()), "MODELKEEP_TABLES_URL")
    own = [("the data directory", str(settings.data)), ("MODELKEEP_STORAGE_URL", settings.storage_url)]
    if settings.shared_folder:
        own.append(("MODELKEEP_SHARED_FOLDER", str(Path(settings.shared_folder).resolve())))
    for what, place in own:
        if place and _overlaps(root, place):
            raise BadSetting(f"MODELKEEP_TABLES_URL overlaps {what}. Choose a folder for tables alone.")
    return root


def _overlaps(root: StorageUrl, place: str) -> bool:
    url = urlsplit(place)
    if url.scheme == "s3":
        return root.overlaps(StorageUrl("s3", url.netloc, url.path.strip("/")))
    return root.overlaps(StorageUrl("file", "", place.strip("/")))


def shared_folder(settings: Settings, facts: Deployment) -> SharedFolder | None:
    if not settings.shared_folder:
        return None
    return SharedFolder(shared.checked(Path(settings.shared_folder), settings.data), bytes.fromhex(facts.signing_key))


def file_access(services: Services) -> FileAccess:
    """How clients without signed URLs get to files."""
    if services.issuer is not None:
        direct = cast(DirectBlobs, services.blobs)

        def stored(v: ModelVersion) -> str:
            return direct.uri(v.artifact_set_id if v.status == Status.READY else v.id)

        return FileAccess("credentials", stored)
    if (shared := services.shared) is not None:
        return FileAccess("folder", lambda v: (shared.read_uri if v.status == Status.READY else shared.write_uri)(v.id))
    return FileAccess()


def trusted_issuers(settings: Settings) -> frozenset[str]:
    """Whom this server asks for keys. Raises BadSetting."""
    issuers = frozenset(filter(None, (settings.oidc_issuer, *settings.trusted_issuers.split())))
    for issuer in issuers:
        url = urlsplit(issuer)
        if url.scheme not in ("https", "http") or not url.hostname or url.username or url.query or url.fragment:
            raise BadSetting(f"The issuer '{issuer}' must be an https:// address without a query.")
    return issuers


def provider(settings: Settings, issuers: Issuers, signer: Signer) -> Provider | None:
    """Whom people sign in with, where the settings name somebody. Raises BadSetting."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise BadSetting("MODELKEEP_OIDC_ISSUER needs MODELKEEP_OIDC_CLIENT_ID, as the provider has registered it.")
    client = Client(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret,
        settings.oidc_scopes,
        settings.oidc_user_claim,
        settings.oidc_groups_claim,
    )
    return Provider(client, issuers, signer)


def private_folder(path: Path) -> None:
    """Ours alone: its readers can sign in as admin."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
