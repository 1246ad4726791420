"""MLmodel files that a version may be made of, and those that it may not."""

import asyncio
import json
import threading
import time

import msgspec
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.models import Model, ModelSignature
from mlflow.models.resources import (
    DatabricksFunction,
    DatabricksServingEndpoint,
    DatabricksTable,
    DatabricksUCConnection,
    DatabricksVectorSearchIndex,
)
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType, Array
from world import MLMODEL

from modelkeep.domain import mlmodel, mlmodel_reader
from modelkeep.domain.errors import InvalidArgument, Throttled
from modelkeep.domain.mlmodel import LongSignature, ModelFile, Signature, require_signature
from modelkeep.limits import (
    LINEAGE_EDGES_PER_CALL,
    MLMODEL_BYTES,
    MLMODEL_INLINE_BYTES,
    MLMODEL_NODES,
    MLMODEL_VISITED_NODES,
    SIGNATURE_CHARS,
)

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (c, c, *[c - 1] * 9) for c in range(ord("b"), ord("k"))
)


def read_signature(data: bytes) -> Signature:
    return mlmodel.read_mlmodel(data).signature


def _with(signature: str) -> bytes:
    return f"flavors: {{}}\nsignature:\n{signature}".encode()


def test_a_whole_signature_is_kept_as_its_json() -> None:
    signature = read_signature(MLMODEL)
    assert signature.inputs.startswith('[{"type": "double"') and signature.outputs and signature.params == ""
    require_signature(signature)
    assert read_signature(_with("  inputs: [{type: long}]\n")) == Signature('[{"type":"long"}]')


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        ("  {}\n", "no signature"),
        ("  inputs: '[{}]'\n", "only inputs"),
        ("  outputs: '[{}]'\n", "only outputs"),
        ("  inputs: '[]'\n  outputs: '[{}]'\n", "only outputs"),
        ("  inputs: '[{}]'\n  outputs: 'null'\n", "only inputs"),
        ("  params: '[{}]'\n", "no signature"),
    ],
)
def test_what_a_signature_lacks_is_named(signature: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        require_signature(read_signature(_with(signature)))


@pytest.mark.parametrize("data", [b"flavors: {}", b"flavors: {}\nsignature: null", b"flavors: {}\nsignature: text"])
def test_no_signature_is_no_error_until_one_is_required(data: bytes) -> None:
    assert read_signature(data) == Signature()


SIXTIES = b"x: 1" + b":59" * 40_000


@pytest.mark.parametrize(
    "data",
    [
        b"flavors: &f {x: 1}\nothers: *f",
        b"flavors: {}\na: &a [*b]".replace(b"*b", b"&b {x: 1}, *b, *b"),
        b"flavors: {}\nlabels: &id001 !!set {a: null, b: null}\nagain: *id001",
        b"flavors: {}\ndigest: !!binary |\n  AP8=\nday: &d 2026-01-01\nsame: *d\nat: !!timestamp 2026-01-01T00:00:00Z",
        b"flavors: {}\nlimits: [.nan, .inf, -.inf, NaN, Infinity]",
        b"flavors: !!python/object/apply:os.system ['true']",
        b"flavors: !custom 1",
        b"flavors: !!binary aGk=",
        b"flavors: !!set {a, b}",
        b"flavors: {}\nscore: NaN\nlimit: .inf\nday: 2026-99-99\nhex: 0x" + b"f" * 5000,
        b"flavors: {}\n? {a: 1}\n: 2\n? [1]\n: 3",
        b"%TAG !a! tag:x\n---\nflavors: {}",
        b"flavors: {}\n" + SIXTIES,
    ],
)
def test_no_feature_of_yaml_is_refused_or_believed(data: bytes) -> None:
    assert read_signature(data) == Signature()


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("[{type: long, required: true, shape: [-1, 28]}]", '[{"type":"long","required":true,"shape":[-1,28]}]'),
        ("[{type: 1:59, at: 2026-01-01, yes: no}]", '[{"type":"1:59","at":"2026-01-01","yes":"no"}]'),
        ('[{name: "1", x: ~}]', '[{"name":"1","x":null}]'),
        ("!!seq [{type: !x long}]", '[{"type":"long"}]'),
        ("[&a {type: long}, *a]", '[{"type":"long"},{"type":"long"}]'),
    ],
)
def test_a_signature_in_yaml_is_read_as_json_reads_its_words(text: str, inputs: str) -> None:
    assert read_signature(_with(f"  inputs: {text}\n")) == Signature(inputs)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a: &a {b: *c}", "names nothing|not plain YAML"),
        (b"flavors: {}\na: &a {b: *a}", "holds itself"),
        (_with("  inputs: &a [*a]\n"), "holds itself"),
        (BOMB + b"flavors: {}", "repeat each other"),
        (_with("  inputs: *j\n").replace(b"flavors", BOMB + b"flavors"), "repeat each other"),
        (b"a: &a '" + b"x" * 100_000 + b"'\nflavors: [" + b"*a," * 1_000 + b"]", "repeat each other"),
        (
            b"flavors: {"
            + b"".join(b"k%d: &a%d [*a%d, *a%d], " % (i, i, i - 1, i - 1) for i in range(1, 40)).replace(b"*a0", b"x")
            + b"}",
            "repeat each other",
        ),
        (b"%TAG !a! b\n" * 30_000 + b"---\nflavors: {}", "directives"),
        (b"flavors: " + b"[" * 50 + b"]" * 50, "too deeply"),
        (b"flavors: " + b"{a: " * 50 + b"1" + b"}" * 50, "too deeply"),
        (b"flavors: [" + b"1," * (MLMODEL_NODES + 1) + b"]", "too large"),
        (b"flavors: {" + b"a: 1," * (MLMODEL_NODES // 2 + 1) + b"}", "too large"),
        (b"a: &a 1\nflavors: [" + b"*a," * (MLMODEL_NODES + 1) + b"]", "too large"),
        (b"x" * (MLMODEL_BYTES + 1), f"has {MLMODEL_BYTES + 1} bytes; at most"),
        (b"", "no `flavors`"),
        (b"[1, 2]", "no `flavors`"),
        (b"a: 1", "no `flavors`"),
        (b"a: b: c", "not plain YAML"),
        (b"\x00\x01", "not plain YAML"),
        (b"\xff\xff\xff", "not plain YAML"),
        (b"flavors: {}\n---\nflavors: {}", "not plain YAML"),
        (_with("  inputs: '{'\n"), "not JSON"),
        (_with("  inputs: '" + "[" * 50_000 + "'\n"), "not JSON"),
    ],
)
def test_a_hostile_or_broken_file_is_refused_in_one_sentence_and_at_once(data: bytes, said: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidArgument, match=said):
        require_signature(read_signature(data))
    assert time.process_time() - began < 5


def test_the_work_is_linear_in_the_bytes() -> None:
    """Counted in calls of Python's functions and in what they hand over, not in seconds."""
    sizes = [_steps(b"flavors: {}\nx: 1" + b":59" * count) for count in (1_000, 10_000, 100_000)]
    assert sizes[0] == sizes[1] == sizes[2], "one word is one step, however long"
    few, many = (_steps(b"flavors: [" + b"a," * count + b"]") for count in (1_000, 10_000))
    assert many < 11 * few


def _steps(data: bytes) -> int:
    import sys

    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        read_signature(data)
    finally:
        sys.setprofile(None)
    return steps


def test_an_mlmodel_is_read_off_the_loop_and_waits_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlmodel_reader, "MLMODEL_S", 0.05)
    reading, done = threading.Event(), threading.Event()

    def slow(_: bytes) -> ModelFile:
        reading.set()
        done.wait(10)
        return ModelFile()

    monkeypatch.setattr(mlmodel, "read_mlmodel", slow)

    async def main() -> None:
        with pytest.raises(Throttled, match="Finalize again"):
            await mlmodel_reader.read_model_file(b"flavors: {}")

    try:
        asyncio.run(main())  # the loop turned meanwhile: else nobody would have noticed the time
        assert reading.is_set()
    finally:
        done.set()


# --- as MLflow writes it ---------------------------------------------------------------------------------------------


def _written(signature: ModelSignature, **fields: object) -> bytes:
    """The file as mlflow.models.Model.save writes it: PyYAML's safe dumper."""
    return yaml.safe_dump({"flavors": {"python_function": {}}, "signature": signature.to_dict(), **fields}).encode()


_IN, _OUT = Schema([ColSpec("double", "x")]), Schema([ColSpec("double", "y")])
_CONFIG = {"endpoint": "llm", "stop": ["a"]}


def test_parameters_alone_are_inputs_enough() -> None:
    params = ParamSchema([ParamSpec("t", "double", 0.5)])
    require_signature(read_signature(_written(ModelSignature(None, _OUT, params))))
    with pytest.raises(InvalidArgument, match="only inputs"):
        require_signature(read_signature(_written(ModelSignature(_IN, None, params))))


@pytest.mark.parametrize("default", [float("nan"), float("inf"), float("-inf")])
def test_a_default_that_json_cannot_say_is_kept_as_text(default: float) -> None:
    params = ParamSchema([ParamSpec("limit", "double", default), ParamSpec("t", "double", 0.5)])
    signature = read_signature(_written(ModelSignature(_IN, _OUT, params)))
    require_signature(signature)
    assert [row["default"] for row in msgspec_json(signature.params)] == [json_word(default), 0.5]


def test_defaults_of_a_list_may_be_infinite() -> None:
    params = ParamSchema([ParamSpec("range", "double", [float("-inf"), 0.0, float("inf")], shape=(-1,))])
    (range_,) = msgspec_json(read_signature(_written(ModelSignature(_IN, _OUT, params))).params)
    assert range_["default"] == ["-Infinity", 0.0, "Infinity"]


@pytest.mark.parametrize(
    "schema",
    [
        Schema([TensorSpec(np.dtype("float32"), (-1, 28, 28, 1))]),
        Schema([ColSpec(Array(DataType.string), "tags", required=False)]),
        Schema([ColSpec("double", '年齢 👩\u200d🚀 "q" \\ e\u0301')]),
        Schema([ColSpec(AnyType())]),
    ],
)
def test_a_schema_is_kept_word_for_word(schema: Schema) -> None:
    assert read_signature(_written(ModelSignature(schema, _OUT))).inputs == schema.to_json()


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.dates()
    | st.datetimes()
    | st.sets(st.text("ab", max_size=2), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(_values)
def test_whatever_mlflow_can_write_beside_the_signature_changes_nothing(value: object) -> None:
    """Once and in two places, which is an alias."""
    signature = ModelSignature(_IN, _OUT)
    expected = Signature(_IN.to_json(), _OUT.to_json())
    data = _written(signature, metadata={"a": value, "b": [value, value]}, model_config={"one": value})
    assert read_signature(data) == expected


def test_one_object_in_two_places_is_everyday_code() -> None:
    data = _written(ModelSignature(_IN, _OUT), model_config={"answer": _CONFIG, "judge": _CONFIG})
    assert b"&id001" in data and b"*id001" in data
    assert read_signature(data).inputs == _IN.to_json()
    few = b"a: &a0 [x, x]\n" + b"".join(b"k%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 15))
    assert MLMODEL_VISITED_NODES > 2**15 and read_signature(few + b"flavors: {}") == Signature()


def test_a_wide_signature_is_read_apart_and_its_first_columns_are_kept() -> None:
    """Of 60,000 columns: the file keeps all, the version the first, and how many more there are."""
    count = 60_000
    columns = ",".join(f'{{"type": "double", "name": "gene_{i:011d}", "required": true}}' for i in range(count))
    data = _with(f"  inputs: '[{columns}]'\n  outputs: '[{{}}]'\n")
    assert MLMODEL_INLINE_BYTES < len(data) < MLMODEL_BYTES
    model_file = asyncio.run(mlmodel_reader.read_model_file(data))
    signature = model_file.signature
    assert isinstance(signature, LongSignature) and model_file == mlmodel.read_mlmodel(data)
    require_signature(signature)
    first = msgspec_json(signature.inputs)
    assert first[0] == {"type": "double", "name": "gene_00000000000", "required": True}
    assert len(first) + signature.left_out["inputs"] == count and len(signature.inputs) < SIGNATURE_CHARS + 100
    assert signature.outputs == "[{}]"


@pytest.mark.parametrize("text", ["{a: '" + "x" * SIGNATURE_CHARS + "'}", "['" + "x" * SIGNATURE_CHARS + "']"])
def test_one_column_that_is_too_long_is_left_out(text: str) -> None:
    signature = read_signature(_with(f"  inputs: {text}\n"))
    assert isinstance(signature, LongSignature) and (signature.inputs, signature.left_out) == ("[]", {"inputs": 1})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BOMB + b"flavors: {}", "repeat each other"),
        (b"a: 1", "no `flavors`"),
        (b"\xff", "not plain YAML"),
        (b"flavors: [" + b"1," * (MLMODEL_NODES + 1) + b"]", "too large"),
    ],
)
def test_a_process_of_its_own_refuses_in_the_same_words(data: bytes, said: str) -> None:
    padded = data + b"\n#" + b" " * MLMODEL_INLINE_BYTES
    with pytest.raises(InvalidArgument, match=said):
        asyncio.run(mlmodel_reader.read_model_file(padded))


def test_a_process_that_takes_too_much_memory_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlmodel_reader.sys, "executable", "/bin/false")
    with pytest.raises(InvalidArgument, match="more memory"):
        mlmodel_reader.read_apart(b"flavors: {}")


def msgspec_json(text: str) -> list[dict[str, object]]:
    return msgspec.json.decode(text)


def json_word(number: float) -> str:
    return json.dumps(number)


# --- what the model needs ----------------------------------------------------------------------------------------------


def resources_of(text: str) -> set[tuple[str, str]]:
    return {
        (resource.type, resource.name) for resource in mlmodel.read_mlmodel(f"flavors: {{}}\n{text}".encode()).resources
    }


def test_resources_are_read_as_mlflow_writes_them() -> None:
    model = Model(
        resources=[
            DatabricksTable("main.ml.features"),
            DatabricksTable("main.ml.theirs", on_behalf_of_user=True),
            DatabricksFunction("main.ml.score"),
            DatabricksVectorSearchIndex("main.ml.docs"),
            DatabricksServingEndpoint("llm"),
            DatabricksUCConnection("crm"),
        ]
    )
    assert resources_of(yaml.safe_dump({"resources": model.resources})) == {
        ("table", "main.ml.features"),
        ("function", "main.ml.score"),
        ("vector_search_index", "main.ml.docs"),
        ("serving_endpoint", "llm"),
        ("uc_connection", "crm"),
    }
    policy = {"system_auth_policy": {"resources": {"databricks": {"table": [{"name": "a.b.c"}]}}}}
    assert resources_of(yaml.safe_dump({"auth_policy": policy, "resources": model.resources})) == {("table", "a.b.c")}
    assert (
        resources_of(yaml.safe_dump({"auth_policy": {"user_auth_policy": {}}, "resources": model.resources})) == set()
    )


@pytest.mark.parametrize(
    "text",
    [
        "resources: 5",
        "resources: [a]",
        "resources: {databricks: [a]}",
        "resources: {databricks: {table: a.b.c}}",
        "resources: {databricks: {table: [a.b.c, 5, null, [x]]}}",
        "resources: {databricks: {table: [{name: 5}, {name: [a]}]}}",
        "resources: {databricks: {table: [{name: ''}, {nme: a}]}}",
        'resources: {databricks: {table: [{name: "a\\0b"}]}}',
        'resources: {databricks: {table: [{name: "a\\nb"}, {name: "\\x1b[2J"}]}}',
        f"resources: {{databricks: {{table: [{{name: {'n' * 4096}}}]}}}}",
        "auth_policy: 5\nresources: {databricks: {table: [{name: a.b.c}]}}",
        "auth_policy: {system_auth_policy: [a]}",
    ],
)
def test_a_resource_that_cannot_be_read_is_left_out(text: str) -> None:
    assert resources_of(text) == set()


def test_resources_are_as_many_as_one_call_may_record() -> None:
    entries = ", ".join(f"{{name: a.b.t{number}}}" for number in range(10_000))
    assert len(resources_of(f"resources: {{databricks: {{table: [{entries}]}}}}")) == LINEAGE_EDGES_PER_CALL
    doubled = "resources:\n  x0: &x0 [{name: a.b.c}]\n" + "".join(
        f"  x{i + 1}: &x{i + 1} [*x{i}, *x{i}]\n" for i in range(40)
    )
    with pytest.raises(InvalidArgument, match="repeat each other"):
        resources_of(f"{doubled}  databricks: {{table: *x40}}")
    many = ", ".join(f"k{number}: *all" for number in range(1_000))
    same = f"all: &all [{', '.join(['{name: a.b.c}'] * 100)}]\nresources: {{databricks: {{{many}}}}}"
    assert len(resources_of(same)) <= LINEAGE_EDGES_PER_CALL
