"""External locations and storage credentials through databricks-sdk and Terraform's calls, with vended keys on a real store."""

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pandas as pd  # pyright: ignore[reportMissingTypeStubs]
import pytest
from api.filing import Shelf, running_shelf
from api.serving import UC, V1, refused
from botocore.exceptions import ClientError
from databricks.sdk import WorkspaceClient
from databricks.sdk.config import Config
from databricks.sdk.service import catalog as c
from deltalake import write_deltalake

if TYPE_CHECKING:
    from backends import Seaweed

pytest_plugins = ("backends", "api.filing")


@pytest.fixture(scope="module")
def lake(seaweedfs: "Seaweed", tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in seaweedfs.env().items():
            environment.setenv(variable, value)
        settings = {
            "storage_url": f"s3://{seaweedfs.bucket}/models",
            "tables_url": f"s3://{seaweedfs.bucket}/managed",
            "s3_endpoint": seaweedfs.endpoint,
            "s3_role_arn": seaweedfs.role,
        }
        with running_shelf(tmp_path_factory.mktemp("lake"), **settings) as shelf:
            yield shelf


def sdk(shelf: Shelf, token: str = "") -> WorkspaceClient:
    return WorkspaceClient(config=Config(host=shelf.host, token=token or shelf.admin, auth_type="pat"))


def s3(store: "Seaweed", keys: c.AwsCredentials | None = None) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key_id if keys else store.access_key,
        aws_secret_access_key=keys.secret_access_key if keys else store.secret_key,
        aws_session_token=keys.session_token if keys else None,
    )


def denied(call: Callable[[], Any]) -> None:
    with pytest.raises(ClientError) as error:
        call()
    assert error.value.response["Error"]["Code"] in ("AccessDenied", "403")


@pytest.fixture
def located(lake: Shelf, seaweedfs: "Seaweed") -> str:
    """The name of a new credential and location, which lies at `s3://bucket/NAME`."""
    w, name = sdk(lake), f"l{uuid.uuid4().hex[:8]}"
    w.storage_credentials.create(name, aws_iam_role=c.AwsIamRoleRequest(seaweedfs.role), comment="of the lake")
    w.external_locations.create(name, f"s3://{seaweedfs.bucket}/{name}", name, comment="the lake")
    return name


def test_what_the_sdk_creates_it_gets_lists_changes_and_deletes(
    lake: Shelf, seaweedfs: "Seaweed", located: str
) -> None:
    w = sdk(lake)
    credential, location = w.storage_credentials.get(located), w.external_locations.get(located)
    assert credential.aws_iam_role is not None and credential.aws_iam_role.role_arn == seaweedfs.role
    assert credential.aws_iam_role.external_id == credential.metastore_id and credential.comment == "of the lake"
    assert (location.url, location.credential_name) == (f"s3://{seaweedfs.bucket}/{located}", located)
    assert (location.credential_id, location.read_only, location.comment) == (credential.id, False, "the lake")
    assert located in [item.name for item in w.storage_credentials.list()]
    assert located in [item.name for item in w.external_locations.list(max_results=1)]
    renamed = w.external_locations.update(located, new_name=f"{located}2", comment="moved", read_only=True)
    assert (renamed.name, renamed.comment, renamed.read_only) == (f"{located}2", "moved", True)
    assert w.storage_credentials.update(located, new_name=f"{located}3").name == f"{located}3"
    assert w.external_locations.get(f"{located}2").credential_name == f"{located}3"
    validated = w.storage_credentials.validate(external_location_name=f"{located}2")
    assert {
        str(r.operation.value): str(r.result.value) for r in validated.results or () if r.operation and r.result
    } == {
        "LIST": "PASS",
        "WRITE": "SKIP",
        "READ": "SKIP",
        "DELETE": "SKIP",
    }
    w.external_locations.delete(f"{located}2")
    w.storage_credentials.delete(f"{located}3")
    assert located not in [(item.name or "")[:9] for item in w.external_locations.list()]


def test_validation_says_what_the_store_refuses(lake: Shelf, seaweedfs: "Seaweed", located: str) -> None:
    w = sdk(lake)
    results = w.storage_credentials.validate(
        storage_credential_name=located, url=f"s3://{seaweedfs.bucket}/free"
    ).results
    assert [str(r.result.value) for r in results or () if r.result] == ["PASS"] * 4
    nobody = f"{located}x"
    w.storage_credentials.create(nobody, aws_iam_role=c.AwsIamRoleRequest(f"{seaweedfs.role}x"))
    (failed,) = w.storage_credentials.validate(storage_credential_name=nobody, url="s3://bucket/x").results or ()
    assert failed.result is c.ValidationResultResult.FAIL and "storage credential" in str(failed.message)
    body = {"storage_credential_name": located, "url": f"s3://{seaweedfs.bucket}/models/x"}
    refused(
        lake.call("POST", f"{UC}/validate-storage-credentials", body), 400, "INVALID_PARAMETER_VALUE", "server manages"
    )


@pytest.mark.parametrize(
    "field",
    [
        {"azure_service_principal": {"directory_id": "d", "application_id": "a", "client_secret": "hidden"}},
        {"cloudflare_api_token": {"access_key_id": "k", "secret_access_key": "hidden", "account_id": "a"}},
        {"databricks_gcp_service_account": {"email": "hidden"}},
        {"azure_managed_identity": {"access_connector_id": "hidden"}},
        {},
    ],
)
def test_secret_keys_are_refused_and_not_repeated(lake: Shelf, field: dict[str, Any]) -> None:
    for path in ("storage-credentials", "credentials"):
        answer = lake.call("POST", f"{UC}/{path}", {"name": f"k{uuid.uuid4().hex[:8]}", **field})
        assert "hidden" not in refused(answer, 400, "INVALID_PARAMETER_VALUE", "no secret keys")


def test_pages_read_a_table_with_keys_for_its_folder_alone(lake: Shelf, seaweedfs: "Seaweed", located: str) -> None:
    catalog, schema = lake.schema().split(".")
    options = {"AWS_ACCESS_KEY_ID": seaweedfs.access_key, "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key}
    options |= {"AWS_ENDPOINT_URL": seaweedfs.endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}
    folder = f"s3://{seaweedfs.bucket}/{located}/sales"
    write_deltalake(folder, pd.DataFrame({"id": [1, 2]}), storage_options=options)
    body = {"catalog_name": catalog, "schema_name": schema, "name": "sales", "table_type": "EXTERNAL"}
    lake.ok("POST", f"{UC}/tables", {**body, "data_source_format": "DELTA", "storage_location": folder})
    table = f"{V1}/tables/{catalog}.{schema}.sales"
    history = lake.ok("GET", f"{table}/history")
    assert (history["version"], history["rows"], history["files"]) == (0, 2, 1)
    assert lake.ok("GET", f"{table}/sample")["rows"] == [["1"], ["2"]]


def test_the_keys_of_a_table_open_it_and_its_privileges_say_how_far(
    lake: Shelf, seaweedfs: "Seaweed", located: str
) -> None:
    w, bucket, (who, token) = sdk(lake), seaweedfs.bucket, lake.user()
    schema = lake.schema()
    catalog, name = schema.split(".")
    for folder in ("t", "t2"):
        s3(seaweedfs).put_object(Bucket=bucket, Key=f"{located}/{folder}/part-0", Body=b"rows")
    body = {"catalog_name": catalog, "schema_name": name, "name": "t", "table_type": "EXTERNAL"}
    body |= {"data_source_format": "DELTA", "storage_location": f"s3://{bucket}/{located}/t"}
    lake.allow(who, "catalog", catalog, "USE_CATALOG", "USE_SCHEMA", "CREATE_TABLE")
    refused(lake.call("POST", f"{UC}/tables", body, token=token), 403, "PERMISSION_DENIED", "CREATE EXTERNAL TABLE")
    id = lake.ok("POST", f"{UC}/tables", body)["table_id"]
    lake.allow(who, "table", f"{schema}.t", "SELECT")
    alice, table_api = sdk(lake, token), w.temporary_table_credentials
    read = alice.temporary_table_credentials.generate_temporary_table_credentials(
        operation=c.TableOperation.READ, table_id=id
    )
    assert read.url == body["storage_location"] and read.aws_temp_credentials is not None
    reader = s3(seaweedfs, read.aws_temp_credentials)
    assert reader.get_object(Bucket=bucket, Key=f"{located}/t/part-0")["Body"].read() == b"rows"
    denied(lambda: reader.put_object(Bucket=bucket, Key=f"{located}/t/part-1", Body=b"x"))
    denied(lambda: reader.get_object(Bucket=bucket, Key=f"{located}/t2/part-0"))
    both = {"table_id": id, "operation": "READ_WRITE"}
    refused(
        lake.call("POST", f"{UC}/temporary-table-credentials", both, token=token), 403, "PERMISSION_DENIED", "MODIFY"
    )
    write = table_api.generate_temporary_table_credentials(operation=c.TableOperation.READ_WRITE, table_id=id)
    writer = s3(seaweedfs, write.aws_temp_credentials)
    writer.put_object(Bucket=bucket, Key=f"{located}/t/part-1", Body=b"x")
    denied(lambda: writer.put_object(Bucket=bucket, Key=f"{located}/t2/part-1", Body=b"x"))
    again = table_api.generate_temporary_table_credentials(operation=c.TableOperation.READ_WRITE, table_id=id)
    assert again == write, "an answer of the STS is used again"
    # Renamed, it has the same folder and the same id.
    w.grants.update("table", f"{schema}.t", changes=[c.PermissionsChange(remove=[c.Privilege.SELECT], principal=who)])
    refused(
        lake.call("POST", f"{UC}/temporary-table-credentials", {"table_id": id}, token=token),
        403,
        "PERMISSION_DENIED",
        "SELECT",
    )


def test_paths_and_volumes_of_a_location(lake: Shelf, seaweedfs: "Seaweed", located: str) -> None:
    w, bucket = sdk(lake), seaweedfs.bucket
    catalog, name = lake.schema().split(".")
    volume = w.volumes.create(catalog, name, "v", c.VolumeType.EXTERNAL, storage_location=f"s3://{bucket}/{located}/v")
    write = w.temporary_volume_credentials.generate_temporary_volume_credentials(
        operation=c.VolumeOperation.WRITE_VOLUME, volume_id=volume.volume_id
    )
    writer = s3(seaweedfs, write.aws_temp_credentials)
    writer.put_object(Bucket=bucket, Key=f"{located}/v/a.csv", Body=b"1")
    path = w.temporary_path_credentials.generate_temporary_path_credentials(
        f"s3://{bucket}/{located}/free", c.PathOperation.PATH_CREATE_TABLE
    )
    there = s3(seaweedfs, path.aws_temp_credentials)
    there.put_object(Bucket=bucket, Key=f"{located}/free/_delta_log/0.json", Body=b"{}")
    denied(lambda: there.get_object(Bucket=bucket, Key=f"{located}/v/a.csv"))
    read = w.temporary_path_credentials.generate_temporary_path_credentials(
        f"s3://{bucket}/{located}/v/a.csv", c.PathOperation.PATH_READ
    )
    assert s3(seaweedfs, read.aws_temp_credentials).get_object(Bucket=bucket, Key=f"{located}/v/a.csv")
    dry = w.temporary_path_credentials.generate_temporary_path_credentials(
        f"s3://{bucket}/{located}/free", c.PathOperation.PATH_READ, dry_run=True
    )
    assert dry.aws_temp_credentials is None


def test_a_managed_volume_is_for_the_files_api(lake: Shelf) -> None:
    catalog, name = lake.schema().split(".")
    volume = sdk(lake).volumes.create(catalog, name, "v", c.VolumeType.MANAGED)
    for operation in ("READ_VOLUME", "WRITE_VOLUME"):
        body = {"volume_id": volume.volume_id, "operation": operation}
        answer = lake.call("POST", f"{UC}/temporary-volume-credentials", body)
        refused(answer, 400, "INVALID_PARAMETER_VALUE", "Files API")


def test_terraform_finds_nothing_to_change(lake: Shelf, seaweedfs: "Seaweed") -> None:
    """As the provider sends them: databricks_storage_credential, databricks_external_location, databricks_grants."""
    name = f"tf{uuid.uuid4().hex[:8]}"
    agent = {"user-agent": "databricks-tf-provider/1.90.0 databricks-sdk-go/0.175.0"}

    def send(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = lake.call(method, f"{UC}/{path}", headers=agent, **({"json": body} if body is not None else {}))
        assert answer.status_code == 200, answer.text
        return answer.json()

    role = {"role_arn": seaweedfs.role}
    send("POST", "storage-credentials", {"name": name, "aws_iam_role": role, "comment": "c", "skip_validation": True})
    assert send("GET", f"storage-credentials/{name}")["aws_iam_role"]["role_arn"] == seaweedfs.role
    url = f"s3://{seaweedfs.bucket}/{name}"
    place = {"name": name, "url": f"{url}/", "credential_name": name, "skip_validation": True, "fallback": False}
    send("POST", "external-locations", place)
    assert send("GET", f"external-locations/{name}")["url"] == url
    send("PATCH", f"external-locations/{name}", {"comment": "d", "force": True, "credential_name": name, "url": url})
    assert send("GET", f"external-locations/{name}")["comment"] == "d"
    who, _ = lake.user()
    for kind in ("external_location", "storage_credential"):
        words = ["CREATE_EXTERNAL_TABLE", "READ_FILES"]
        send("PATCH", f"permissions/{kind}/{name}", {"changes": [{"principal": who, "add": words}]})
        (granted,) = send("GET", f"permissions/{kind}/{name}")["privilege_assignments"]
        assert granted == {"principal": who, "privileges": words}
    send("PATCH", f"external-locations/{name}", {"owner": who})
    assert send("GET", f"external-locations/{name}")["owner"] == who
    send("DELETE", f"external-locations/{name}?force=true")
    send("DELETE", f"storage-credentials/{name}?force=true")
