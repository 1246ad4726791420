"""What a user of MLflow's deploy client does with an endpoint: `python deploy.py MODEL`."""

import sys
import time
from typing import Any

from mlflow.deployments import get_deploy_client

model = sys.argv[1]
client: Any = get_deploy_client("databricks")


def wait() -> Any:
    while (endpoint := client.get_endpoint("deployed")).state["config_update"] == "IN_PROGRESS":
        time.sleep(0.2)
    assert endpoint.state == {"ready": "READY", "config_update": "NOT_UPDATING"}, endpoint
    return endpoint


entity = {"name": "one", "entity_name": model, "entity_version": "1", "scale_to_zero_enabled": "true"}
traffic = {"routes": [{"served_model_name": "one", "traffic_percentage": "100"}]}
created = client.create_endpoint(
    name="deployed",
    config={"served_entities": [entity], "traffic_config": traffic, "tags": [{"key": "a", "value": "b"}]},
)
assert created.name == "deployed" and wait().tags == [{"key": "a", "value": "b"}]
assert "deployed" in [endpoint["name"] for endpoint in client.list_endpoints()]
answer = client.predict(endpoint="deployed", inputs={"dataframe_records": [{"width": 3.0, "height": 1.0}]})
assert abs(answer["predictions"][0] - 3.0) < 1e-6, answer
client.update_endpoint_config(
    endpoint="deployed", config={"served_entities": [{"entity_name": model, "entity_version": "2"}]}
)
assert wait().config["served_entities"][0]["name"] == "iris_model-2"
answer = client.predict(endpoint="deployed", inputs={"inputs": [{"width": 3.0, "height": 1.0}]})
assert abs(answer["predictions"][0] - 6.0) < 1e-6, answer
client.delete_endpoint("deployed")
assert "deployed" not in [endpoint["name"] for endpoint in client.list_endpoints()]
