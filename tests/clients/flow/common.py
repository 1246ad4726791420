"""What the client scripts share: a model worth registering, and how a refusal is looked at."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import mlflow
import mlflow.sklearn
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

MLFLOW = tuple(int(part) for part in mlflow.__version__.split(".")[:2])
PROMPTLY_S = 20  # far below the minutes that a client spends on an answer that it takes for a passing fault

LOADS_APART = (2, 15) <= MLFLOW < (2, 17)  # old/limits_2_16.py proves that it is so
if LOADS_APART:
    os.environ["MLFLOW_ENABLE_DB_SDK"] = "false"

X, y = load_iris(return_X_y=True, as_frame=True)
client = MlflowClient()


def arguments() -> list[str]:
    return sys.argv[1:]


def fit(max_depth: int = 3) -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=5, max_depth=max_depth, random_state=0).fit(X, y)


@contextlib.contextmanager
def tracking() -> Iterator[None]:
    """Where runs are written: a client that must load without databricks-sdk still tracks with it."""
    if not LOADS_APART:
        yield
        return
    os.environ["MLFLOW_ENABLE_DB_SDK"] = "true"
    try:
        yield
    finally:
        os.environ["MLFLOW_ENABLE_DB_SDK"] = "false"


def log(model: Any, **fields: Any) -> Any:
    """Logs a model in a run of its own, with an input example for the signature, in this client's spelling."""
    # Named requirements spare each call the process in which MLflow would look for them.
    where = {"name": "model"} if MLFLOW >= (3, 0) else {"artifact_path": "model"}
    common = {"input_example": X.iloc[[0]], "pip_requirements": ["scikit-learn"]}
    with tracking(), mlflow.start_run():
        return mlflow.sklearn.log_model(model, **where, **(common | fields))


def registered(name: str, *depths: int) -> None:
    """Makes one version of `name` for each tree depth."""
    for depth in depths or (3,):
        log(fit(depth), registered_model_name=name)


def same(left: Any, right: Any) -> None:
    assert left == right, f"{left!r} is not {right!r}"


def predicts_like(uri: str, model: RandomForestClassifier) -> None:
    same(list(mlflow.pyfunc.load_model(uri).predict(X)), list(model.predict(X)))


def refused(call: Callable[..., Any], *args: Any, code: str = "", words: str = "", **kwargs: Any) -> str:
    """The message of the MlflowException that the call must end in: with this code, these words, and promptly."""
    started = time.monotonic()
    try:
        answer = call(*args, **kwargs)
    except MlflowException as error:
        took = time.monotonic() - started
        assert took < PROMPTLY_S, f"refused only after {took:.0f} s: {error}"
        assert not code or error.error_code == code, f"{error.error_code} instead of {code}: {error}"
        assert words in str(error), f"{words!r} is not in: {error}"
        assert "Traceback" not in str(error), str(error)
        return str(error)
    raise AssertionError(f"{getattr(call, '__name__', call)}{args} was not refused; it answered {answer!r}")


def gone(call: Callable[..., Any], *args: Any) -> None:
    refused(call, *args, code="RESOURCE_DOES_NOT_EXIST")


def version_numbers(name: str) -> list[int]:
    return sorted(int(version.version) for version in client.search_model_versions(f"name='{name}'"))


def tags_of(entity: Any) -> dict[str, str]:
    return dict(entity.tags)
