"""MLmodel files that a version may be made of, and those that it may not."""

import time

import pytest
from world import MLMODEL

from modelkeep.core.errors import InvalidArgument
from modelkeep.core.mlmodel import MAX_BYTES, Signature, read_mlmodel, require_signature

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


@pytest.mark.parametrize(("data", "said"), [
    (BOMB, "anchors or aliases"),
    (b"a: &a {b: *a}", "anchors or aliases"),
    (b"flavors: !!python/object/apply:os.system ['true']", "tags"),
    (b"flavors: !custom 1", "tags"),
    (b"flavors: !!binary aGk=", "tags"),
    (b"flavors: " + b"[" * 50 + b"]" * 50, "too deeply"),
    (b"flavors: [" + b"1," * 250_001 + b"]", "too large|too deeply"),
    (b"x" * (MAX_BYTES + 1), "at most"),
    (b"", "no `flavors`"),
    (b"[1, 2]", "no `flavors`"),
    (b"a: 1", "no `flavors`"),
    (b"a: b: c", "not plain YAML"),
    (b"\x00\x01", "not plain YAML"),
    (b"\xff\xff\xff", "not plain YAML"),
    (b"flavors: {}\n---\nflavors: {}", "not plain YAML"),
    (b"flavors: 2026-99-99", "not plain YAML"),
    (_with("  inputs: '{'\n"), "not JSON"),
    (_with("  inputs: {? null : 1}\n"), "not JSON|not plain YAML"),
    (_with("  inputs: '" + "[" * 50_000 + "'\n"), "not JSON"),
])  # fmt: skip
def test_a_hostile_or_broken_file_is_refused_in_one_sentence_and_at_once(data: bytes, said: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidArgument, match=said):
        require_signature(read_mlmodel(data))
    assert time.process_time() - began < 5
