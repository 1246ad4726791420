"""What each block of the page must do: one generator a block, in the page's order.

A generator prepares what only its block needs, yields while the block runs, then looks at the effect.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

IRIS = "prod.ml_team.iris_model"


class Names:
    """Global names of preamble and block, as attributes; `values` is what the block's bare expressions came to."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:
        try:
            return self._names[name]
        except KeyError as error:
            raise AttributeError(f"Neither preamble nor block defines {name}.") from error


@dataclass(frozen=True)
class Cell:
    """A block's place in the page is its place in CELLS; `calls` prove that it is the block that is meant."""

    name: str
    calls: frozenset[str]
    run: Callable[[Names], Iterator[None]]


CELLS: list[Cell] = []


def cell(*calls: str) -> Callable[[Callable[[Names], Iterator[None]]], None]:
    def add(run: Callable[[Names], Iterator[None]]) -> None:
        CELLS.append(Cell(run.__name__, frozenset(calls), run))

    return add


@dataclass
class Made:
    version: Any = None


def _is_gone(call: Callable[..., Any], *args: Any) -> bool:
    try:
        call(*args)
    except Exception as error:
        return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"
    return False


def _version(page: Names, name: str, version: object) -> Any:
    model_version = page.client.get_model_version(name, str(version))
    assert model_version.status == "READY", model_version
    return model_version


@contextlib.contextmanager
def _one_new_version(page: Names, name: str) -> Iterator["Made"]:
    """Yields what holds, once the context is left, the version that was made in it."""
    before, result = page.version_numbers(name), Made()
    yield result
    after = page.version_numbers(name)
    assert after[:-1] == before, (before, after)
    result.version = _version(page, name, after[-1])


def _predicts_like(page: Names, result: Any, model: Any) -> None:
    loaded = page.mlflow.pyfunc.load_model(f"models:/{result.name}/{result.version}")
    assert list(loaded.predict(page.X)) == list(model.predict(page.X))
    assert loaded.metadata.signature.inputs.input_names() == list(page.X.columns)
    assert loaded.metadata.signature.outputs is not None


@cell("set_registry_uri")
def registry_is_configured(page: Names) -> Iterator[None]:
    page.mlflow.set_registry_uri("databricks")
    yield
    assert page.mlflow.get_registry_uri() == "databricks-uc"


@cell("fit", "last_active_run", "register_model")
def autologged_run_is_registered(page: Names) -> Iterator[None]:
    with _one_new_version(page, IRIS) as version:
        yield
    assert version.version.run_id == page.autolog_run.info.run_id
    assert page.values[-1].version == version.version.version
    _predicts_like(page, version.version, page.clf)


@cell("register_model")
def run_is_registered_by_its_id(page: Names) -> Iterator[None]:
    with _one_new_version(page, IRIS) as version:
        yield
    assert version.version.run_id == page.placeholders["run_uuid"]
    _predicts_like(page, version.version, page.mlflow.pyfunc.load_model(f"models:/{IRIS}/1"))


@cell("start_run", "fit", "log_model")
def version_gets_an_inferred_signature(page: Names) -> Iterator[None]:
    with _one_new_version(page, IRIS) as version:
        yield
    _predicts_like(page, version.version, page.clf)


@cell("set_registered_model_alias", "get_model_version_by_alias", "delete_registered_model_alias")
def alias_is_set_moved_read_and_deleted(page: Names) -> Iterator[None]:
    yield
    assert page.values[2].version == "2", page.values  # read after it moved from 1 to 2
    assert "Champion" in page.values[2].aliases
    assert _is_gone(page.client.get_model_version_by_alias, IRIS, "Champion")
    assert page.version_numbers(IRIS)[:3] == [1, 2, 3]


@cell("load_model", "predict")
def version_is_loaded_by_alias(page: Names) -> Iterator[None]:
    yield
    assert len(page.values[-1]) == len(page.test_x)
    third = page.mlflow.pyfunc.load_model(f"models:/{IRIS}/3")
    assert list(page.values[-1]) == list(third.predict(page.test_x))


@cell("get_model_version_by_alias", "request")
def champion_is_read_for_serving(page: Names) -> Iterator[None]:
    yield
    assert (page.model_name, page.model_version) == (IRIS, "3")


@cell("load_model", "predict")
def version_is_loaded_by_number(page: Names) -> Iterator[None]:
    yield
    assert len(page.values[-1]) == len(page.test_x)
    assert set(page.values[-1]) <= {0, 1, 2}


@cell("to_table", "load_delta", "log_input", "fit", "log_model")
def lineage_of_a_table_is_recorded(page: Names) -> Iterator[None]:
    name, table = "prod.ml_team.iris_classifier", "prod.ml_team.iris"
    with _one_new_version(page, name) as version:
        yield
    inputs = page.client.get_run(version.version.run_id).inputs.dataset_inputs
    assert any(logged.dataset.source_type == "delta_table" and table in logged.dataset.source for logged in inputs)
    predicted = page.mlflow.pyfunc.load_model(f"models:/{name}/{version.version.version}").predict(page.X)
    assert list(predicted) == list(page.clf.predict(page.X))
    path = f"/api/modelkeep/v1/models/{name}/versions/{version.version.version}/lineage"
    assert table in str(page.workspace.api_client.do("GET", path))


@cell("rename_registered_model")
def model_is_renamed(page: Names) -> Iterator[None]:
    new = page.placeholders["new-model-name"]
    yield
    assert page.client.get_registered_model(new).name == new
    assert page.client.get_registered_model(new).aliases == {"Champion": "3"}
    assert page.version_numbers(new)[:3] == [1, 2, 3]
    assert _is_gone(page.client.get_registered_model, IRIS)


@cell("copy_model_version")
def version_is_copied(page: Names) -> Iterator[None]:
    target = page.placeholders["destination-model-name"]
    with _one_new_version(page, target) as version:
        yield
    assert page.values[-1].version == version.version.version
    _predicts_like(page, version.version, page.mlflow.pyfunc.load_model(f"models:/{IRIS}/2"))


@cell("delete_model_version")
def versions_are_deleted(page: Names) -> Iterator[None]:
    assert page.version_numbers(IRIS)[:3] == [1, 2, 3]
    yield
    assert not {1, 2, 3} & set(page.version_numbers(IRIS))
    assert _is_gone(page.mlflow.pyfunc.load_model, f"models:/{IRIS}/1")


@cell("delete_registered_model")
def model_is_deleted(page: Names) -> Iterator[None]:
    yield
    assert _is_gone(page.client.get_registered_model, IRIS)
    assert page.version_numbers(IRIS) == []


@cell(
    "set_registered_model_tag",
    "delete_registered_model_tag",
    "set_model_version_tag",
    "delete_model_version_tag",
)
def tags_are_set_and_deleted(page: Names) -> Iterator[None]:
    page.client.set_registered_model_tag(IRIS, "task", "regression")
    page.client.set_registered_model_tag(IRIS, "stays", "yes")
    page.client.set_model_version_tag(IRIS, "1", "validation_status", "pending")
    page.client.set_model_version_tag(IRIS, "1", "stays", "yes")
    yield
    assert page.client.get_registered_model(IRIS).tags == {"stays": "yes"}
    assert page.client.get_model_version(IRIS, "1").tags == {"stays": "yes"}


@cell("update_registered_model")
def model_is_described(page: Names) -> Iterator[None]:
    yield
    assert page.client.get_registered_model(IRIS).description == page.placeholders["description"]


@cell("update_model_version")
def version_is_described(page: Names) -> Iterator[None]:
    yield
    assert page.client.get_model_version(IRIS, "2").description == page.placeholders["description"]
    assert not page.client.get_model_version(IRIS, "3").description


@cell("search_registered_models")
def models_are_listed(page: Names) -> Iterator[None]:
    yield
    assert {IRIS, page.staged, page.promoted} <= {model.name for model in page.values[-1]}


@cell("search_model_versions", "pprint")
def versions_are_searched(page: Names) -> Iterator[None]:
    expected = page.version_numbers(IRIS)
    yield
    assert len(expected) >= 3
    assert page.values[-1] == [None] * len(expected)  # pprint of each


@cell("set_registry_uri", "download_artifacts")
def files_are_downloaded(page: Names) -> Iterator[None]:
    disk = Path("/local_disk0")
    ours = not disk.exists()
    try:
        yield
        names = {path.name for path in Path(page.destination_path).iterdir()}
        assert {"MLmodel", "model.pkl", "requirements.txt"} <= names, names
        loaded = page.mlflow.pyfunc.load_model(page.destination_path)
        assert len(loaded.predict(page.test_x)) == len(page.test_x)
    finally:
        shutil.rmtree(disk if ours else page.destination_path, ignore_errors=True)


@cell("copy_model_version")
def version_is_promoted(page: Names) -> Iterator[None]:
    with _one_new_version(page, page.promoted) as version:
        yield
    assert page.copied_model_version.version == version.version.version
    assert version.version.source == f"models:/{page.staged}/1"
    _predicts_like(page, version.version, page.mlflow.pyfunc.load_model(f"models:/{page.staged}/1"))


@cell("set_registered_model_alias")
def promoted_version_is_marked(page: Names) -> Iterator[None]:
    yield
    champion = page.client.get_model_version_by_alias(page.promoted, "Champion")
    assert champion.version == page.copied_model_version.version
