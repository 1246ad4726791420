"""What runs inside the child process: MLflow's own tracking server, on a socket that our process owns.

Started by `workspace.child`, as `python -m modelkeep.workspace.tracking FD` with standard input a pipe that our process
keeps open: when that closes (we stopped, or were killed), this process ends too.
"""

import os
import socket
import sys
import threading
from typing import Any

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


def main() -> None:
    """Serve until our process goes away."""
    die_with_parent()
    listener = socket.socket(fileno=int(sys.argv[1]))
    store_uri = os.environ[STORE_VARIABLE]
    prepare(store_uri)
    import uvicorn
    from mlflow.server.fastapi_app import app
    from mlflow.server.handlers import initialize_backend_stores

    initialize_backend_stores(store_uri, store_uri, os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"])
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
