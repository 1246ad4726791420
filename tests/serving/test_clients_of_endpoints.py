"""Real clients create, wait for, query and delete serving endpoints of real models."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from databricks.sdk.service.serving import EndpointCoreConfigInput, EndpointTag, ServedEntityInput
from live import run_script, succeeded

from .conftest import Serving

pytestmark = pytest.mark.clients
ROW = [{"width": 3.0, "height": 1.0}]


def test_the_sdk(serving: Serving) -> None:
    w = serving.server.sdk()
    entity = ServedEntityInput(entity_name=serving.model("iris_model"), entity_version="1", scale_to_zero_enabled=True)
    config = EndpointCoreConfigInput(name="sdk", served_entities=[entity])
    endpoint = w.serving_endpoints.create_and_wait("sdk", config=config, tags=[EndpointTag("team", "ml")])
    assert endpoint.state is not None and endpoint.state.ready is not None and endpoint.state.ready.value == "READY"
    assert [listed.name for listed in w.serving_endpoints.list() if listed.name == "sdk"] == ["sdk"]
    answer = w.serving_endpoints.query("sdk", dataframe_records=ROW)
    assert answer.predictions is not None and answer.predictions[0] == pytest.approx(3.0)
    assert answer.served_model_name == "iris_model-1"
    changed = w.serving_endpoints.update_config_and_wait(
        "sdk", served_entities=[ServedEntityInput(entity_name=serving.model("iris_model"), entity_version="2")]
    )
    assert changed.config is not None and changed.config.config_version == 2
    twice: Any = w.serving_endpoints.query("sdk", dataframe_records=ROW).predictions
    assert twice[0] == pytest.approx(6.0)
    w.serving_endpoints.patch("sdk", add_tags=[EndpointTag("stage", "prod")], delete_tags=["team"])
    assert w.serving_endpoints.get("sdk").as_dict()["tags"] == [{"key": "stage", "value": "prod"}]
    w.serving_endpoints.delete("sdk")
    assert serving.api("GET", "/sdk").status_code == 404


def test_the_deploy_client(serving: Serving) -> None:
    succeeded(run_script(serving.server, Path(__file__).with_name("deploy.py"), serving.model("iris_model")))


def test_requests_of_the_lifecycle_page_and_curl(serving: Serving) -> None:
    """The page moves an endpoint to the version of an alias with `requests`; published curl signs in with HTTP Basic."""
    name = serving.create("iris_model")
    w = serving.server.sdk()
    version = w.model_versions.get_by_alias(serving.model("iris_model"), "Challenger").version
    body = {"served_models": [{"model_name": serving.model("iris_model"), "model_version": version}]}
    body |= {"traffic_config": {"routes": [{"served_model_name": "iris_model-2", "traffic_percentage": "100"}]}}
    assert serving.api("PUT", f"/{name}/config", body).status_code == 200
    assert serving.settled(name)["config"]["served_entities"][0]["entity_version"] == "2"
    url = f"{serving.server.host}/serving-endpoints/{name}/invocations"
    basic = httpx.BasicAuth("token", serving.server.admin_token)
    split = {"dataframe_split": {"columns": ["width", "height"], "data": [[3.0, 1.0]]}}
    for path in (url, url.replace("/invocations", "/served-models/iris_model-2/invocations")):
        answer = httpx.post(path, json=split, auth=basic)
        assert answer.json()["predictions"][0] == pytest.approx(6.0)
        assert answer.headers["served-model-name"] == "iris_model-2"
    csv = httpx.post(url, content="width,height\n3.0,1.0\n", headers={"content-type": "text/csv"}, auth=basic)
    assert csv.json()["predictions"][0] == pytest.approx(6.0)
    bare = httpx.post(url, content=b'{"inputs": {"width": [3.0], "height": [1.0]}}', auth=basic)
    assert bare.json()["predictions"][0] == pytest.approx(6.0)
