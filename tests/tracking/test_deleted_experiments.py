"""A deleted experiment leaves its name to others, keeps it for those who look at it, and takes it back unless it is taken."""

import hashlib
import uuid
from typing import Any

import httpx
import pytest
from tracking.tracking_site import Site

from modelkeep.tracking.answers import DELETED_PREFIX

pytest_plugins = ("backends",)
ALICE, BOB, ADMIN = "alice@x.io", "bob@x.io", "admin@x.io"
V2 = "/api/2.0/mlflow"
NAMES = [
    "plain",
    "it's",
    'say "hi"',
    "a`b",
    "/Users/alice@x.io/x y",
    "ünï 名 🎈",
    "50%_off",
    "x" * 220,
    "-- drop",
    "a\\b",
]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, site: Site) -> Site:
    """Over each database that the tracking server may have."""
    return site if request.param == "sqlite" else request.getfixturevalue("site_on_postgres")


def create(http: httpx.Client, name: str) -> str:
    answer = http.post(f"{V2}/experiments/create", json={"name": name})
    assert answer.status_code == 200, answer.text
    return answer.json()["experiment_id"]


def act(http: httpx.Client, verb: str, experiment: str) -> httpx.Response:
    return http.post(f"{V2}/experiments/{verb}", json={"experiment_id": experiment})


def get(http: httpx.Client, experiment: str) -> dict[str, Any]:
    return http.get(f"{V2}/experiments/get", params={"experiment_id": experiment}).json()["experiment"]


def by_name(http: httpx.Client, name: str) -> dict[str, Any]:
    answer = http.get(f"{V2}/experiments/get-by-name", params={"experiment_name": name})
    return answer.json().get("experiment", {})


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_create_after_delete(site: Site, name: str) -> None:
    name = f"{name}{uuid.uuid4().hex}"
    with site.client(ALICE) as http:
        first = create(http, name)
        assert act(http, "delete", first).status_code == 200
        result = by_name(http, name)
        assert (result["experiment_id"], result["name"], result["lifecycle_stage"]) == (first, name, "deleted")
        second = create(http, name)
        assert second != first
        assert by_name(http, name)["experiment_id"] == second, "the active one is preferred"
        assert get(http, first)["name"] == get(http, second)["name"] == name
        assert not [tag for tag in get(http, first).get("tags", []) if tag["key"].startswith("modelkeep")]
        refused = act(http, "restore", first)
        assert (refused.status_code, refused.json()["error_code"]) == (409, "RESOURCE_ALREADY_EXISTS"), refused.text
        assert "Rename or delete that one" in refused.json()["message"]
        assert get(http, first)["lifecycle_stage"] == "deleted"
        assert act(http, "delete", second).status_code == 200
        assert by_name(http, name)["experiment_id"] == second, "of several deleted ones, the last"
        assert act(http, "restore", first).status_code == 200
        restored = by_name(http, name)
        assert (restored["experiment_id"], restored["lifecycle_stage"]) == (first, "active")
        assert not restored.get("tags")
        assert act(http, "delete", first).status_code == 200, "and again"
        assert by_name(http, name)["experiment_id"] == first


@pytest.mark.parametrize("length", [256, 257, 300, 468])
def test_long_names(site: Site, length: int) -> None:
    """PostgreSQL keeps 256 characters, as MLflow's column says, and SQLite all that MLflow lets through."""
    name = uuid.uuid4().hex.ljust(length, "é")
    with site.client(ALICE) as http:
        old = create(http, uuid.uuid4().hex)
        answers = [
            http.post(f"{V2}/experiments/create", json={"name": name}),
            http.post(f"{V2}/experiments/update", json={"experiment_id": old, "new_name": f"{name[:-1]}x"}),
        ]
        if length > 256 and site.settings.database_url:
            assert [answer.status_code for answer in answers] == [400, 400]
            assert all("at most 256" in answer.json()["message"] for answer in answers)
            return
        assert [answer.status_code for answer in answers] == [200, 200]
        first = answers[0].json()["experiment_id"]
        assert act(http, "delete", first).status_code == 200
        assert by_name(http, name)["experiment_id"] == first
        assert create(http, name) != first


def test_searches_show_the_names_that_deleted_experiments_had(site: Site) -> None:
    name = uuid.uuid4().hex
    for user in (ALICE, ADMIN):
        with site.client(user) as http:
            experiment = create(http, name + user)
            act(http, "delete", experiment)
            search = {"view_type": "DELETED_ONLY", "filter": f"name LIKE '%{name}%'"}
            listed = http.post(f"{V2}/experiments/search", json=search).json()["experiments"]
            assert (experiment, name + user) in {(e["experiment_id"], e["name"]) for e in listed}
            active = http.post(f"{V2}/experiments/search", json=search | {"view_type": "ACTIVE_ONLY"}).json()
            assert not active.get("experiments")


def test_another_ones_deleted_experiment_is_not_there(site: Site) -> None:
    name = uuid.uuid4().hex
    with site.client(ALICE) as alice, site.client(BOB) as bob:
        hers = create(alice, name)
        act(alice, "delete", hers)
        assert by_name(bob, name) == {}
        assert act(bob, "restore", hers).status_code == 404
        his = create(bob, name)
        assert by_name(alice, name)["experiment_id"] == hers
        refused = act(alice, "restore", hers)
        assert refused.json()["error_code"] == "RESOURCE_ALREADY_EXISTS"
        assert by_name(bob, name)["experiment_id"] == his


def test_a_rename_may_take_the_name_too(site: Site) -> None:
    name = uuid.uuid4().hex
    with site.client(ALICE) as http:
        first, second = create(http, name), create(http, f"{name}2")
        act(http, "delete", first)
        renamed = http.post(f"{V2}/experiments/update", json={"experiment_id": second, "new_name": name})
        assert renamed.status_code == 200
        assert by_name(http, name)["experiment_id"] == second
        assert by_name(http, f"{name}2") == {}


@pytest.mark.parametrize("name", [DELETED_PREFIX, f"{DELETED_PREFIX}1", f"{DELETED_PREFIX}1/x"])
def test_nobody_chooses_the_name_of_a_deleted_experiment(site: Site, name: str) -> None:
    with site.client(ALICE) as http:
        for answer in (
            http.post(f"{V2}/experiments/create", json={"name": name}),
            http.post(
                f"{V2}/experiments/update",
                json={"experiment_id": create(http, uuid.uuid4().hex), "new_name": name},
            ),
        ):
            assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        tag = {"experiment_id": create(http, uuid.uuid4().hex), "key": "modelkeep.deletedName", "value": "x"}
        assert http.post(f"{V2}/experiments/set-experiment-tag", json=tag).status_code == 400


def test_deleting_and_restoring_twice(site: Site) -> None:
    name = uuid.uuid4().hex
    with site.client(ALICE) as http:
        experiment = create(http, name)
        assert act(http, "delete", experiment).status_code == 200
        assert act(http, "delete", experiment).status_code in (200, 400, 404)
        assert get(http, experiment)["name"] == name
        assert act(http, "restore", experiment).status_code == 200
        assert act(http, "restore", experiment).status_code in (200, 400, 404)
        assert get(http, experiment) == by_name(http, name)
        assert get(http, experiment)["lifecycle_stage"] == "active"


def test_a_stop_between_the_new_name_and_the_deletion(site: Site) -> None:
    """The experiment is active under its moved name: it shows its own, and both a deletion and a restore end what was begun."""
    name = uuid.uuid4().hex
    with site.client(ADMIN) as http, site.client(ALICE) as alice:
        for verb in ("delete", "restore"):
            experiment = create(alice, f"{name}{verb}")
            _stop(site, experiment, f"{name}{verb}")
            assert get(alice, experiment)["name"] == f"{name}{verb}"
            assert by_name(alice, f"{name}{verb}")["experiment_id"] == experiment
            assert act(alice, verb, experiment).status_code == 200
            stage = {"delete": "deleted", "restore": "active"}[verb]
            assert by_name(http, f"{name}{verb}")["lifecycle_stage"] == stage
            assert get(http, experiment)["name"] == f"{name}{verb}"


def _stop(site: Site, experiment: str, name: str) -> None:
    """What the tracking server has been sent when the process dies before the deletion itself."""
    listener = site.proxy.child._listener  # pyright: ignore[reportPrivateUsage]
    assert listener is not None
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(listener.getsockname())), base_url="http://localhost", timeout=90
    ) as child:
        digest = hashlib.sha256(name.encode()).hexdigest()
        calls = [
            ("set-experiment-tag", {"key": "modelkeep.deletedName", "value": name}),
            ("set-experiment-tag", {"key": "modelkeep.deletedNameHash", "value": digest}),
            ("update", {"new_name": f"{DELETED_PREFIX}{experiment}/{name}"}),
        ]
        for call, fields in calls:
            answer = child.post(f"{V2}/experiments/{call}", json={"experiment_id": experiment, **fields})
            assert answer.status_code == 200, answer.text


def test_mlflow_restores_what_it_finds_by_its_name(as_alice: Site) -> None:
    import mlflow as typed_mlflow
    from mlflow.exceptions import MlflowException

    mlflow: Any = typed_mlflow
    client = mlflow.MlflowClient()
    name = f"/Users/{ALICE}/{uuid.uuid4().hex}"
    first = mlflow.create_experiment(name)
    run = client.create_run(first)
    client.delete_experiment(first)
    experiment_by_name = mlflow.get_experiment_by_name(name)
    assert experiment_by_name is not None and (experiment_by_name.experiment_id, experiment_by_name.name) == (
        first,
        name,
    )
    with pytest.raises(MlflowException, match="deleted experiment"):
        mlflow.set_experiment(name)
    client.restore_experiment(experiment_by_name.experiment_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"
    client.delete_experiment(first)
    second = mlflow.create_experiment(name)
    assert mlflow.set_experiment(name).experiment_id == second
    with pytest.raises(MlflowException, match="Rename or delete that one"):
        client.restore_experiment(first)
    client.delete_experiment(second)


def test_databricks_sdk_applies_and_destroys_twice(as_alice: Site) -> None:
    """As Terraform's databricks_mlflow_experiment does."""
    from databricks.sdk import WorkspaceClient

    w = WorkspaceClient(host=as_alice.url, token=as_alice.tokens[ALICE])
    name = f"/Users/{ALICE}/{uuid.uuid4().hex}"
    for _ in range(2):
        result = str(w.experiments.create_experiment(name).experiment_id)
        experiment = w.experiments.get_experiment(result).experiment
        assert experiment is not None and experiment.name == name
        w.experiments.delete_experiment(result)
