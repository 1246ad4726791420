"""In which state of a version its files may be read, and in which they may be written."""

from modelkeep.domain.errors import ExternalStorage, WrongState
from modelkeep.domain.model import ModelVersion, Status


def check_ready(version: ModelVersion) -> None:
    """Its files may be read. Raises WrongState; Elsewhere where they are not in this registry."""
    if version.status != Status.READY:
        raise WrongState(
            f"Version {version.version} of '{version.model}' is {version.status}: its files can be read once it is READY."
        )
    if not version.artifact_set_id:
        raise ExternalStorage(
            f"The files of version {version.version} of '{version.model}' are not in this registry, but at "
            f"{version.location[:300]!r}. Read them there, as plain MLflow clients do."
        )


def check_pending(version: ModelVersion) -> None:
    """Its files may be written. Raises WrongState."""
    if version.status != Status.PENDING:
        raise WrongState(
            f"Version {version.version} of '{version.model}' is {version.status}: its files are final. Register a new version."
        )
