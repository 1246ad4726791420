"""MLmodel files that a version may be made of, and those that it may not."""

import asyncio
import threading
import time

import pytest
from world import MLMODEL

from modelkeep.core import mlmodel
from modelkeep.core.errors import InvalidArgument, Throttled
from modelkeep.core.mlmodel import Signature, read_mlmodel, require_signature
from modelkeep.limits import MLMODEL_BYTES

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (c, c, *[c - 1] * 9) for c in range(ord("b"), ord("k"))
)


def _with(signature: str) -> bytes:
    return f"flavors: {{}}\nsignature:\n{signature}".encode()


def test_a_whole_signature_is_kept_as_its_json() -> None:
    found = read_mlmodel(MLMODEL)
    assert found.inputs.startswith('[{"type": "double"') and found.outputs and found.params == ""
    require_signature(found)
    assert read_mlmodel(_with("  inputs: [{type: long}]\n")) == Signature('[{"type":"long"}]')


@pytest.mark.parametrize(("signature", "said"), [
    ("  {}\n", "no signature"),
    ("  inputs: '[{}]'\n", "only inputs"),
    ("  outputs: '[{}]'\n", "only outputs"),
    ("  inputs: '[]'\n  outputs: '[{}]'\n", "only outputs"),
    ("  inputs: '[{}]'\n  outputs: 'null'\n", "only inputs"),
    ("  params: '[{}]'\n", "no signature"),
])  # fmt: skip
def test_what_a_signature_lacks_is_named(signature: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        require_signature(read_mlmodel(_with(signature)))


@pytest.mark.parametrize("data", [b"flavors: {}", b"flavors: {}\nsignature: null", b"flavors: {}\nsignature: text"])
def test_no_signature_is_no_error_until_one_is_required(data: bytes) -> None:
    assert read_mlmodel(data) == Signature()


SIXTIES = b"x: 1" + b":59" * 40_000


@pytest.mark.parametrize("data", [
    BOMB + b"flavors: {}",
    b"flavors: {}\na: &a {b: *a}",
    b"flavors: &f {x: 1}\nothers: *f",
    b"flavors: !!python/object/apply:os.system ['true']",
    b"flavors: !custom 1",
    b"flavors: !!binary aGk=",
    b"flavors: !!set {a, b}",
    b"flavors: {}\nscore: NaN\nlimit: .inf\nday: 2026-99-99\nhex: 0x" + b"f" * 5000,
    b"flavors: {}\n? {a: 1}\n: 2\n? [1]\n: 3",
    b"%TAG !a! tag:x\n---\nflavors: {}",
    b"flavors: {}\n" + SIXTIES,
])  # fmt: skip
def test_no_feature_of_yaml_is_refused_or_believed(data: bytes) -> None:
    assert read_mlmodel(data) == Signature()


@pytest.mark.parametrize(("text", "inputs"), [
    ("[{type: long, required: true, shape: [-1, 28]}]", '[{"type":"long","required":true,"shape":[-1,28]}]'),
    ("[{type: 1:59, at: 2026-01-01, yes: no}]", '[{"type":"1:59","at":"2026-01-01","yes":"no"}]'),
    ('[{name: "1", x: ~}]', '[{"name":"1","x":null}]'),
    ("!!seq [{type: !x long}]", '[{"type":"long"}]'),
    ("[&a {type: long}, *a]", '[{"type":"long"},{"type":"long"}]'),
])  # fmt: skip
def test_a_signature_in_yaml_is_read_as_json_reads_its_words(text: str, inputs: str) -> None:
    assert read_mlmodel(_with(f"  inputs: {text}\n")) == Signature(inputs)


@pytest.mark.parametrize(("data", "said"), [
    (b"a: &a {b: *c}", "names nothing|not plain YAML"),
    (_with("  inputs: &a [*a]\n"), "not JSON"),
    (_with("  inputs: *j\n").replace(b"flavors", BOMB + b"flavors"), "not JSON"),
    (b"%TAG !a! b\n" * 30_000 + b"---\nflavors: {}", "directives"),
    (b"flavors: " + b"[" * 50 + b"]" * 50, "too deeply"),
    (b"flavors: " + b"{a: " * 50 + b"1" + b"}" * 50, "too deeply"),
    (b"flavors: [" + b"1," * 25_001 + b"]", "too large"),
    (b"flavors: {" + b"a: 1," * 12_001 + b"}", "too large"),
    (b"a: &a 1\nflavors: [" + b"*a," * 20_001 + b"]", "too large"),
    (b"x" * (MLMODEL_BYTES + 1), "at most"),
    (b"", "no `flavors`"),
    (b"[1, 2]", "no `flavors`"),
    (b"a: 1", "no `flavors`"),
    (b"a: b: c", "not plain YAML"),
    (b"\x00\x01", "not plain YAML"),
    (b"\xff\xff\xff", "not plain YAML"),
    (b"flavors: {}\n---\nflavors: {}", "not plain YAML"),
    (_with("  inputs: '{'\n"), "not JSON"),
    (_with("  inputs: '" + "[" * 50_000 + "'\n"), "not JSON"),
])  # fmt: skip
def test_a_hostile_or_broken_file_is_refused_in_one_sentence_and_at_once(data: bytes, said: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidArgument, match=said):
        require_signature(read_mlmodel(data))
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
        read_mlmodel(data)
    finally:
        sys.setprofile(None)
    return steps


def test_an_mlmodel_is_read_off_the_loop_and_waits_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlmodel, "MLMODEL_S", 0.05)
    reading, done = threading.Event(), threading.Event()

    def slow(_: bytes) -> Signature:
        reading.set()
        done.wait(10)
        return Signature()

    monkeypatch.setattr(mlmodel, "read_mlmodel", slow)

    async def main() -> None:
        with pytest.raises(Throttled, match="Finalize again"):
            await mlmodel.read_signature(b"flavors: {}")

    try:
        asyncio.run(main())  # the loop turned meanwhile: else nobody would have noticed the time
        assert reading.is_set()
    finally:
        done.set()
