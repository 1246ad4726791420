"""Settings: every one from its variable, nothing unknown, nothing malformed."""

import typing

import pytest

from modelkeep.core.errors import InvalidArgument
from modelkeep.listening import check_bind
from modelkeep.serve import database, storage
from modelkeep.settings import Settings, load


def test_nothing_set_is_a_private_server_on_loopback_with_sqlite() -> None:
    settings = load({})
    assert (settings.host, settings.port, settings.address) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert settings == Settings() and database(settings).dialect == "sqlite"
    check_bind(settings)


def test_what_a_store_was_handed_ends_within_15_minutes_unless_the_operator_says_otherwise() -> None:
    assert load({}).url_minutes <= 15 and load({}).credential_minutes <= 15


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_each_setting_comes_from_its_variable(name: str) -> None:
    kind = typing.get_type_hints(Settings)[name]
    text, value = {bool: ("1", True), int: ("7", 7), float: ("0.5", 0.5), str: ("4", "4")}[kind]
    assert getattr(load({f"MODELKEEP_{name.upper()}": text}), name) == value


@pytest.mark.parametrize("variable", ["MODELKEEP_PROT", "MODELKEEP_", "MODELKEEP_DATA_DIRECTORY", "MODELKEEP_port"])
def test_an_unknown_variable_is_refused_with_those_that_are_known(variable: str) -> None:
    with pytest.raises(InvalidArgument, match=f"no setting {variable}. Known are: .*MODELKEEP_PORT"):
        load({variable: "1"})


def test_other_variables_are_nobody_s_business() -> None:
    assert load({"PATH": "x", "DATABRICKS_HOST": "y", "MLFLOW_TRACKING_URI": "z"}) == Settings()


@pytest.mark.parametrize(("variable", "value"), [
    ("MODELKEEP_PORT", "http"), ("MODELKEEP_PORT", ""), ("MODELKEEP_WORKSPACE", "maybe"), ("MODELKEEP_PENDING_HOURS", "soon"),
])  # fmt: skip
def test_a_malformed_value_is_refused(variable: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match="not valid"):
        load({variable: value})


def test_flags_win_over_variables_and_absent_flags_do_not() -> None:
    environment = {"MODELKEEP_PORT": "1", "MODELKEEP_HOST": "::1"}
    settings = load(environment, port=2, host=None)
    assert (settings.port, settings.host, settings.address) == (2, "::1", "http://[::1]:2")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_an_open_address_is_refused_unless_told_so(host: str) -> None:
    with pytest.raises(InvalidArgument, match="in clear"):
        check_bind(Settings(host=host))
    check_bind(Settings(host=host, insecure_bind=True, public_url="http://models.example.com"))
    check_bind(Settings(host=host, public_url="https://models.example.com"))
    with pytest.raises(InvalidArgument):
        check_bind(Settings(host=host, public_url="http://models.example.com"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_all_addresses_of_a_machine_are_none_that_clients_could_be_sent_to(host: str) -> None:
    with pytest.raises(InvalidArgument, match="MODELKEEP_PUBLIC_URL"):
        check_bind(Settings(host=host, insecure_bind=True))
    check_bind(Settings(host="192.168.1.5", insecure_bind=True))


@pytest.mark.parametrize("url", ["mysql://x", "sqlite:///x", "/tmp/x.db", "file:x"])
def test_a_database_that_is_neither_sqlite_nor_postgresql_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match="postgresql://"):
        database(Settings(database_url=url))


@pytest.mark.parametrize("url", ["gs://bucket", "s3://", "/folder", "s3://bucket/prefix?x=1"])
def test_a_storage_that_is_neither_a_folder_nor_s3_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgument, match="s3://bucket/prefix"):
        storage(Settings(storage_url=url))
