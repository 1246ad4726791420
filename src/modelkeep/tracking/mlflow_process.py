"""What runs inside the child process: MLflow's own tracking server, on a socket that our process owns.

It knows no artifact store, and may change nothing outside its own folder (`tracking.sandbox`).

Started by `tracking.child`, as `python -m modelkeep.tracking.mlflow_process FD` with standard input a pipe that our process
keeps open: when that closes (we stopped, or were killed), this process ends too.
"""

import logging
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from modelkeep.tracking.sandbox import confine

STORE_VARIABLE = "_MLFLOW_SERVER_FILE_STORE"  # mlflow/server/constants.py: how its workers learn the store's address


def die_with_parent() -> None:
    """End at once when the other end of standard input closes, whatever this process is doing."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def prepare(store_uri: str) -> None:
    """Bring the tracking database to the pinned MLflow's schema (MLflow itself only refuses an old one)."""
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils
    from sqlalchemy import inspect, text

    db: Any = utils  # MLflow's types are partial, and what `mlflow db upgrade` calls is private
    engine: Any = db.create_sqlalchemy_engine_with_retry(store_uri)
    if engine.dialect.name == "postgresql":
        schema = dict(engine.url.query)["options"].rpartition("=")[2]
        with engine.begin() as connection:
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    if inspect(engine).get_table_names():
        try:
            db._verify_schema(engine)
        except MlflowException:
            db._upgrade_db(engine)
    engine.dispose()


def close_artifacts() -> None:
    """Leave MLflow no artifact repository: none by a scheme or plugin, none made directly.

    Bytes never pass through this process. Deleting at a location does nothing, so that a trace or run whose tags name one
    can still be deleted."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
    from mlflow.store.artifact import artifact_repository_registry as registry
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

    def refuse(*_args: object, **_named: object) -> NoReturn:
        raise MlflowException("The tracking server opens no artifact locations.", INVALID_PARAMETER_VALUE)

    class Nowhere:
        def delete_artifacts(self, artifact_path: str | None = None) -> None:
            """Nothing is here."""

        def __getattr__(self, name: str) -> NoReturn:
            refuse()

    class Closed(registry.ArtifactRepositoryRegistry):
        def register(self, scheme: str, repository: object) -> None:
            """No scheme is ever known."""

        def get_artifact_repository(
            self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
        ) -> Any:
            return Nowhere()

    registry._artifact_repository_registry = Closed()  # pyright: ignore[reportPrivateUsage]
    ArtifactRepository.__new__ = refuse


def search_by_name_of_dataset() -> None:
    """Let a search of logged models by a dataset's name find any digest of it.

    MLflow's handler says a digest that the call leaves out as None, for which its store looks then (server/handlers.py,
    `_search_logged_models`; store/tracking/sqlalchemy_store.py, `_apply_filter_string_datasets_search_logged_models`)."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store: Any = SqlAlchemyStore
    search = store.search_logged_models

    def searched(self: SqlAlchemyStore, *args: Any, datasets: list[dict[str, Any]] | None = None, **named: Any) -> Any:
        known = datasets and [{key: value for key, value in item.items() if value is not None} for item in datasets]
        return search(self, *args, datasets=known, **named)

    store.search_logged_models = searched


def database_ports(store_uri: str) -> list[int] | None:
    """The TCP ports of the tracking database: [] for a file, None where a libpq service file names them."""
    from sqlalchemy import make_url

    url = make_url(store_uri)
    if not url.drivername.startswith("postgresql"):
        return []
    query = {key: [value] if isinstance(value, str) else list(value) for key, value in url.query.items()}
    if "service" in query or "PGSERVICE" in os.environ:
        return None
    hosts = [host.rpartition(":")[2] for hosts in query.get("host", []) for host in hosts.split(",") if ":" in host]
    named = [port for ports in query.get("port", []) for port in ports.split(",")]
    texts = [str(url.port or ""), *named, *hosts, os.environ.get("PGPORT", "")]
    return sorted({int(text) for text in texts if text.isdecimal()}) or [5432]


def main() -> None:
    """Serve until our process goes away."""
    die_with_parent()
    listener = socket.socket(fileno=int(sys.argv[1]))
    store_uri = os.environ[STORE_VARIABLE]
    import uvicorn
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    close_artifacts()
    search_by_name_of_dataset()
    folder = Path.cwd()
    # After the imports: Python may have to write their compiled form beside them.
    if not confine(folder, hidden=folder.parent, ports=database_ports(store_uri)):
        logging.getLogger("modelkeep.tracking").warning("no Landlock on this system: Python's audit hook stands alone")
    prepare(store_uri)
    initialize_backend_stores(store_uri, store_uri, os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"])
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
