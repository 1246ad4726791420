"""Two servers over one database: what one of them decides, the other one keeps at its very next request."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from live import Server, running_server

pytest_plugins = ("backends",)

B = "/api/2.0/mlflow/unity-catalog"
UC = "/api/2.1/unity-catalog"
V1 = "/api/modelkeep/v1"
M = "prod.ml.churn"
ALIAS = f"{B}/registered-models/alias?name={M}&alias=champion"


class Node:
    """One of the servers, asked over a kept connection: nothing is hidden by a new one."""

    def __init__(self, server: Server) -> None:
        self.admin = server.admin_token
        self.http = httpx.Client(base_url=server.host, timeout=10)

    def ask(self, token: str, path: str = ALIAS) -> httpx.Response:
        return self.http.get(path, headers={"Authorization": f"Bearer {token}"})

    def do(self, method: str, path: str, **body: Any) -> Any:
        """As the admin; it must be done."""
        answer = self.http.request(method, path, json=body or None, headers={"Authorization": f"Bearer {self.admin}"})
        assert answer.status_code == 200, f"{method} {path}: {answer.text}"
        return answer.json()

    def grant(self, change: str, *privileges: str, to: str = "reader", on: str = f"function/{M}") -> None:
        self.do("PATCH", f"{UC}/permissions/{on}", changes=[{"principal": to, change: list(privileges)}])


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def nodes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Two processes, with a model that the user `reader` may load."""
    folder = tmp_path_factory.mktemp("nodes")
    url = request.getfixturevalue("postgres").new_database() if request.param == "postgresql" else ""
    settings = {"MODELKEEP_WORKSPACE": "0", "MODELKEEP_DATABASE_URL": url}
    with running_server(folder, **settings) as first, running_server(folder, **settings) as two:
        a, b = Node(first), Node(two)
        a.do("POST", f"{UC}/catalogs", name="prod")
        a.do("POST", f"{UC}/schemas", name="ml", catalog_name="prod")
        a.do("POST", f"{B}/registered-models/create", name=M)
        for number in ("1", "2"):
            a.do("POST", f"{B}/model-versions/create", name=M, source="models:/m-1")
            a.do("POST", f"{B}/registered-models/alias", name=M, alias="champion", version=number)
        a.do("POST", f"{V1}/users", name="reader")
        a.grant("add", "USE_CATALOG", on="catalog/prod")
        a.grant("add", "USE_SCHEMA", on="schema/prod.ml")
        yield a, b


def token(node: Node, of: str = "reader") -> tuple[str, str]:
    """(secret, id)"""
    result = node.do("POST", f"{V1}/tokens", principal=of)
    return result["token_value"], result["token_info"]["token_id"]


def warm(node: Node, secret: str) -> None:
    """Until whatever a node remembers of this request is remembered."""
    for _ in range(5):
        answer = node.ask(secret)
        assert answer.status_code == 200, answer.text


def refused(node: Node, secret: str, status: int = 403) -> None:
    answer = node.ask(secret)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("way", ["there", "back"])
def test_what_one_node_takes_away_the_other_refuses_at_once(nodes: tuple[Node, Node], way: str) -> None:
    a, b = nodes if way == "there" else nodes[::-1]
    secret, id = token(a)
    for _ in range(5):
        a.grant("add", "EXECUTE")
        warm(b, secret)
        a.grant("remove", "EXECUTE")
        refused(b, secret)
    a.grant("add", "EXECUTE")
    warm(b, secret)
    a.do("DELETE", f"{V1}/tokens/{id}")
    refused(b, secret, 401)
    secret, _ = token(a)
    warm(b, secret)
    a.do("PATCH", f"{V1}/users/reader", active=False)
    refused(b, secret, 401)
    a.do("PATCH", f"{V1}/users/reader", active=True)
    warm(b, secret)
    a.grant("remove", "EXECUTE")


def test_leaving_a_group_ends_what_it_lent_on_the_other_node_too(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    secret, _ = token(a)
    a.do("POST", f"{V1}/groups", name="team")
    a.do("POST", f"{V1}/groups", name="department")
    a.do("PUT", f"{V1}/groups/department/members/team")
    a.grant("add", "EXECUTE", to="department")
    for outer, inner in (("team", "reader"), ("department", "team")):
        a.do("PUT", f"{V1}/groups/team/members/reader")
        a.do("PUT", f"{V1}/groups/department/members/team")
        warm(b, secret)
        a.do("DELETE", f"{V1}/groups/{outer}/members/{inner}")
        refused(b, secret)
    a.do("PUT", f"{V1}/groups/department/members/team")
    warm(b, secret)
    a.do("DELETE", f"{V1}/groups/department")
    refused(b, secret)


def test_an_alias_that_one_node_moves_is_moved_for_the_other(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    for number in ("1", "2") * 5:
        a.do("POST", f"{B}/registered-models/alias", name=M, alias="champion", version=number)
        versions = [b.ask(b.admin).json()["model_version"]["version"] for _ in range(2)]
        assert versions == [number] * 2
    a.do("DELETE", f"{B}/registered-models/alias", name=M, alias="champion")
    assert b.ask(b.admin).status_code == 404
    a.do("POST", f"{B}/registered-models/alias", name=M, alias="champion", version="2")
    a.do("DELETE", f"{B}/model-versions/delete", name=M, version="2")
    assert b.ask(b.admin).status_code == 404
    a.do("POST", f"{B}/registered-models/alias", name=M, alias="champion", version="1")


def test_a_new_owner_and_a_container_closed_count_at_once(nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    secret, _ = token(a)
    a.do("PATCH", f"{UC}/models/{M}", owner="reader")
    warm(b, secret)
    a.grant("remove", "USE_SCHEMA", on="schema/prod.ml")
    refused(b, secret)
    a.grant("add", "USE_SCHEMA", on="schema/prod.ml")
    warm(b, secret)
    a.do("PATCH", f"{UC}/models/{M}", owner="admin")
    refused(b, secret)
