"""How artifact locations look to each client. The child stores a neutral form; ids, not stored text, decide what shows.

Rule: a User-Agent `mlflow-python-client/X` with X >= 2.15 is a plain http client (on `databricks` those versions speak
through databricks-sdk) and is shown `mlflow-artifacts:/...`; all others `dbfs:/databricks/mlflow-tracking/...`.
"""

import re

from modelkeep.domain.errors import InvalidArgument
from modelkeep.tracking.child import ARTIFACT_ROOT

PROXIED_ROOT = "mlflow-artifacts:"
_PLAIN_CLIENT = re.compile(r"mlflow-python-client/(\d+)\.(\d+)")
_VOLUME = re.compile(r"dbfs:/Volumes/[^/]+/[^/]+/[^/]+(/[^/]+)*")
# What other parsers would read as a query, a fragment, parameters, an escape or a host (SEC: location splicing).
_ODD = re.compile(r"[?#;@%\\\x00-\x1f\x7f]|//|/\.{1,2}(/|$)")


def is_plain(user_agent: str) -> bool:
    """Does this client speak plain MLflow http?"""
    match = _PLAIN_CLIENT.match(user_agent)
    return match is not None and (int(match[1]), int(match[2])) >= (2, 15)


def check_experiment_location(location: str) -> str:
    """What to store for the location that a client asks for: '' for our own default. Raises InvalidArgument."""
    if not location:
        return ""
    if not _ODD.search(location):
        if _VOLUME.fullmatch(location.rstrip("/")):
            return location.rstrip("/")
        if location == ARTIFACT_ROOT or location.startswith(ARTIFACT_ROOT + "/"):
            return ""
    raise InvalidArgument(
        "An experiment's artifact_location must be a volume path (dbfs:/Volumes/catalog/schema/volume/...) or left out."
    )


def in_volume(location: str) -> bool:
    """Lies this outside our own storage?"""
    return location.startswith("dbfs:/Volumes/")


class ClientLocations:
    """Locations as one kind of client must see them."""

    def __init__(self, *, plain: bool) -> None:
        self._plain = plain
        self._root = PROXIED_ROOT if plain else ARTIFACT_ROOT

    def experiment(self, stored: str, experiment_id: str) -> str:
        return stored if in_volume(stored) else f"{self._root}/{experiment_id}"

    def run(self, stored: str, experiment_id: str, run_id: str) -> str:
        return stored if in_volume(stored) else f"{self._root}/{experiment_id}/{run_id}/artifacts"

    def logged_model(self, stored: str, experiment_id: str, model_id: str) -> str:
        folder = "models" if self._plain else "logged_models"
        return stored if in_volume(stored) else f"{self._root}/{experiment_id}/{folder}/{model_id}/artifacts"

    def trace(self, stored: str, experiment_id: str, trace_id: str) -> str:
        folder = "traces/" if self._plain else ""
        return stored if in_volume(stored) else f"{self._root}/{experiment_id}/{folder}{trace_id}/artifacts"


DATABRICKS = ClientLocations(plain=False)
PLAIN = ClientLocations(plain=True)
