"""Two processes over one database: what is taken on one is refused by the other with its next request."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from api.serving import DATABRICKS_UC, UC, V1, Site, running_site
from live import Server, running_server

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Server]]:
    """One in this process, and one in a process of its own."""
    folder = tmp_path_factory.mktemp("nodes")
    with running_server(folder, MODELKEEP_WORKSPACE="0") as server, running_site(folder) as site:
        yield site, server


def test_what_one_node_takes_the_other_refuses_at_once(nodes: tuple[Site, Server]) -> None:
    site, server = nodes
    model = site.model(versions=2)
    catalog, schema = model.partition(".")[0], model.rpartition(".")[0]
    user, token = site.user()
    for number in ("1", "2"):
        pointer = {"name": model, "source": f"s3://elsewhere/{number}"}
        site.ok("POST", "/api/2.0/mlflow/model-versions/create", pointer)
    site.ok("POST", f"{V1}/groups", {"name": "readers of nodes"})
    of_group = f"{V1}/groups/readers of nodes/members/{user}"
    change = {"changes": [{"principal": "readers of nodes", "add": ["USE_CATALOG", "USE_SCHEMA", "EXECUTE", "MANAGE"]}]}
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=server.host, headers=headers) as other:

        def read() -> int:
            return other.get(f"{UC}/models/{model}").status_code

        def move() -> int:
            return other.put(f"{UC}/models/{model}/aliases/champion", json={"version_num": 1}).status_code

        def tag(key: str) -> int:
            fields = {"name": model, "key": key, "value": "a"}
            return other.post(f"{DATABRICKS_UC}/registered-models/set-tag", json=fields).status_code

        def until(ask: Any, take: tuple[Any, ...], give: tuple[Any, ...]) -> None:
            """Allowed, taken, refused, given back, allowed."""
            for _ in range(3):
                assert ask() == 200
                site.ok(*take)
                assert ask() in (401, 403)
                site.ok(*give)
            assert ask() == 200

        assert read() == 403
        site.ok("PUT", of_group)
        site.ok("PATCH", f"{UC}/permissions/catalog/{catalog}", change)
        until(read, ("DELETE", of_group), ("PUT", of_group))
        revoke = {"changes": [{"principal": "readers of nodes", "remove": ["EXECUTE"]}]}
        permissions = f"{UC}/permissions/catalog/{catalog}"
        until(read, ("PATCH", permissions, revoke), ("PATCH", permissions, change))
        until(
            read, ("PATCH", f"{V1}/users/{user}", {"active": False}), ("PATCH", f"{V1}/users/{user}", {"active": True})
        )
        protected = f"{V1}/protected-aliases/schema/{schema}/champion"
        until(move, ("PUT", protected, {"principals": []}), ("DELETE", protected))
        site.ok(
            "PATCH", f"{UC}/permissions/catalog/{catalog}", {"changes": [{"principal": user, "add": ["APPLY_TAG"]}]}
        )
        assert tag("grade") == 200
        site.ok("POST", "/api/2.1/tag-policies", {"tag_key": "rank", "values": [{"name": "a"}]})
        assert tag("rank") == 403
        # What is approved on one node is there on the other.
        request_id = other.post(
            "/api/3.0/rfa/requests",
            json={
                "requests": [
                    {
                        "securable_permissions": [
                            {"securable": {"type": "CATALOG", "full_name": catalog}, "permissions": ["CREATE_SCHEMA"]}
                        ]
                    }
                ]
            },
        ).json()["responses"][0]["request_ids"][0]
        make = {"name": "fresh", "catalog_name": catalog}
        assert other.post(f"{UC}/schemas", json=make).status_code == 403
        site.ok("POST", f"{V1}/access-requests/{request_id}/approve", {})
        assert other.post(f"{UC}/schemas", json=make).status_code == 200
