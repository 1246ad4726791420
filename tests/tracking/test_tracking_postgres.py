"""The same workspace with both databases in one PostgreSQL: ours, and the tracking server's in a schema of its own."""

import uuid

from tracking.tracking_site import Site

pytest_plugins = ("backends",)
V2 = "/api/2.0/mlflow"


def test_experiments_runs_and_permissions(site_on_postgres: Site) -> None:
    site, url = site_on_postgres, site_on_postgres.settings.database_url
    with site.client("alice@x.io") as http:
        name = uuid.uuid4().hex
        experiment = http.post(f"{V2}/experiments/create", json={"name": name}).json()["experiment_id"]
        run = http.post(f"{V2}/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
        dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "here"}
        for source in ("here", "there"):
            inputs = {"run_id": run, "datasets": [{"dataset": dataset | {"source": source}, "tags": []}]}
            assert http.post(f"{V2}/runs/log-inputs", json=inputs).status_code == 200
        result = http.get(f"{V2}/runs/get", params={"run_id": run}).json()["run"]
        assert result["inputs"]["dataset_inputs"][0]["dataset"]["source"] == "there"
        assert http.post(f"{V2}/runs/create", json={"experiment_id": "None"}).status_code == 200
        share = {"experiment": name, "principal": "team", "level": "CAN_READ"}
        assert http.put("/api/modelkeep/v1/experiments/permissions", json=share).status_code == 200
    for user, status in (("bob@x.io", 404), ("carol@x.io", 200)):
        with site.client(user) as http:
            assert http.get(f"{V2}/runs/get", params={"run_id": run}).status_code == status
            listed = http.post(f"{V2}/experiments/search", json={"max_results": 100}).json().get("experiments", [])
            assert [e["experiment_id"] for e in listed if e["name"] == name] == ([experiment] if status == 200 else [])
    import psycopg

    with psycopg.connect(url) as rows:
        tables = dict(rows.execute("SELECT table_name, table_schema FROM information_schema.tables").fetchall())
    assert (tables["runs"], tables["experiment_permissions"]) == ("mlflow", "public")
