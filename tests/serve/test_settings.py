"""Settings: every one from its variable, nothing unknown, nothing malformed."""

import typing
from pathlib import Path

import msgspec
import pytest

from modelkeep.domain.errors import BadSetting, InvalidArgument
from modelkeep.serve.listening import check_bind
from modelkeep.serve.parts import database, storage
from modelkeep.settings import FROM_FILES, Settings, load


def test_nothing_set_is_a_private_server_on_loopback_with_sqlite() -> None:
    settings = load({})
    assert (settings.host, settings.port, settings.address) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert settings == Settings() and database(settings).dialect == "sqlite"
    check_bind(settings)


def test_what_a_store_was_handed_ends_within_15_minutes_unless_the_operator_says_otherwise() -> None:
    assert load({}).url_minutes <= 15 and load({}).credential_minutes <= 15


HINTS = typing.get_type_hints(Settings, include_extras=True)


ADDRESSES = ("s3_endpoint", "sts_endpoint", "otlp_endpoint", "public_url")


def _meta(name: str) -> msgspec.Meta | None:
    return next((part for part in typing.get_args(HINTS[name]) if isinstance(part, msgspec.Meta)), None)


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_each_setting_comes_from_its_variable(name: str) -> None:
    kind, meta = typing.get_type_hints(Settings)[name], _meta(name)
    if name == "log_level":
        text = value = "error"
    elif name in ADDRESSES:
        text = value = "https://store:9000"
    elif typing.get_origin(kind) is typing.Literal:
        text = value = typing.get_args(kind)[-1]
    elif meta is not None:
        value = kind(meta.le)
        text = str(value)
    else:
        text, value = {bool: ("1", True), str: ("4", "4")}[kind]
    assert getattr(load({f"MODELKEEP_{name.upper()}": text}), name) == value


NUMBERS = [name for name in Settings.__struct_fields__ if typing.get_type_hints(Settings)[name] in (int, float)]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_outside_its_bounds_is_refused_in_one_sentence_with_both(name: str) -> None:
    meta, variable = _meta(name), f"MODELKEEP_{name.upper()}"
    assert meta is not None and meta.ge is not None and meta.le is not None, "every number has bounds"
    assert meta.ge <= getattr(Settings(), name) <= meta.le
    for bad in (str(meta.ge - 1), str(meta.le + 1), "nan", "inf", "-inf", "", "many", "1 000", "0x1"):
        with pytest.raises(BadSetting) as refused:
            load({variable: bad})
        sentence = refused.value.message
        assert sentence.startswith(f"A setting is not valid: {variable} is {bad!r}, and must be a ")
        assert f"from {meta.ge:,} to {meta.le:,}" in sentence and sentence.endswith(".") and "\n" not in sentence
    for fine in (meta.ge, meta.le):
        assert getattr(load({variable: str(fine)}), name) == fine


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MODELKEEP_LOG_LEVEL", "verbose", "one of debug, info, warning, error, critical"),
        ("MODELKEEP_LOG_LEVEL", "INFO", "one of debug"),
        ("MODELKEEP_WORKSPACE", "maybe", "must be 1 or 0"),
        ("MODELKEEP_CONCEAL", "", "must be 1 or 0"),
        ("MODELKEEP_WORKSPACE_ID", "one", "must be a number"),
        ("MODELKEEP_WORKSPACE_ID", "9" * 30, "at most 18 digits"),
    ],
)
def test_a_word_that_is_none_of_a_settings_is_refused_with_those(variable: str, value: str, words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        load({variable: value})


@pytest.mark.parametrize("name", FROM_FILES)
def test_a_secret_comes_from_a_file(name: str, tmp_path: Path) -> None:
    variable, file = f"MODELKEEP_{name.upper()}", tmp_path / "secret"
    for content in ("s3cr3t", "s3cr3t\n", "s3cr3t\r\n"):
        file.write_text(content)
        assert getattr(load({f"{variable}_FILE": str(file)}), name) == "s3cr3t"
    with pytest.raises(BadSetting, match="both set"):
        load({f"{variable}_FILE": str(file), variable: "x"})
    for bad in (b"two\nlines", b"\xff", b"nul\0", b"x" * 70_000):
        file.write_bytes(bad)
        with pytest.raises(BadSetting, match=f"{variable}_FILE names"):
            load({f"{variable}_FILE": str(file)})
    for missing in (tmp_path / "none", tmp_path, ""):
        with pytest.raises(BadSetting, match="cannot be read"):
            load({f"{variable}_FILE": str(missing)})


def test_only_named_settings_come_from_files() -> None:
    for name in set(Settings.__struct_fields__) - set(FROM_FILES):
        with pytest.raises(BadSetting, match="no setting"):
            load({f"MODELKEEP_{name.upper()}_FILE": "/dev/null"})


@pytest.mark.parametrize("variable", ["MODELKEEP_PROT", "MODELKEEP_", "MODELKEEP_DATA_DIRECTORY", "MODELKEEP_port"])
def test_an_unknown_variable_is_refused_with_those_that_are_known(variable: str) -> None:
    with pytest.raises(InvalidArgument, match=f"no setting {variable}. Known are: .*MODELKEEP_PORT"):
        load({variable: "1"})


def test_other_variables_are_nobody_s_business() -> None:
    assert load({"PATH": "x", "DATABRICKS_HOST": "y", "MLFLOW_TRACKING_URI": "z"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODELKEEP_PORT", "http"),
        ("MODELKEEP_PORT", ""),
        ("MODELKEEP_WORKSPACE", "maybe"),
        ("MODELKEEP_PENDING_HOURS", "soon"),
    ],
)
def test_a_malformed_value_is_refused(variable: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match="not valid"):
        load({variable: value})


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("value", ["store", "store:9000", "http://", "ftp://store", "http://store:port", "http://[::1"])
def test_an_address_that_no_client_could_call_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=f"MODELKEEP_{name.upper()} must be an http"):
        load({f"MODELKEEP_{name.upper()}": value})
    assert getattr(load({f"MODELKEEP_{name.upper()}": "https://store:9000/x"}), name)


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
