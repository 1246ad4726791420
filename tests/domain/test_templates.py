"""Templates of prompts, and the tags that say what a version is: what is taken, in which form, and what is refused how."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain.errors import InvalidArgument, LimitExceeded
from modelkeep.domain.prompt_templates import (
    MODEL_CONFIG_TAG,
    RESPONSE_FORMAT_TAG,
    TYPE_TAG,
    check_prompt_tag,
    check_version_tag,
    read_template,
    type_of,
)
from modelkeep.limits import PROMPT_TEMPLATE_CHARACTERS

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
MESSAGES = st.lists(st.fixed_dictionaries({"role": TEXT, "content": TEXT}), min_size=1, max_size=4)


@given(TEXT | MESSAGES)
def test_a_template_comes_back_as_it_was(template: object) -> None:
    result = read_template(json.dumps(template))
    assert json.loads(result) == template
    assert read_template(result) == result
    assert "\0" not in result
    assert type_of(result) == ("text" if isinstance(template, str) else "chat")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{{x}}",
        "3",
        "null",
        "{}",
        "[]",
        '["a"]',
        '[{"content": "no role"}]',
        '[{"role": 3}]',
        '"\\ud800"',
        '[{"role": "user", "content": NaN}]',
        '[{"role": "user", "n": 1e999}]',
        "[" * 100_000,
        '"' + "a" * 10,
        '{"role": "user", "content": "x"}',
    ],
)
def test_what_no_client_could_load_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        read_template(text)
    assert len(error.value.message) < 200 and error.value.message.endswith(".")


@pytest.mark.parametrize("character", ["{", "é", "\n", "\U0001f600", '"', "\0"])
def test_its_length_is_that_of_the_text(character: str) -> None:
    """A template of braces that nothing closes is as good as any other."""
    text = character * PROMPT_TEMPLATE_CHARACTERS
    assert json.loads(read_template(json.dumps(text))) == text
    with pytest.raises(LimitExceeded, match="100001 characters"):
        read_template(json.dumps(text + character))


def test_the_length_of_messages_is_that_of_their_json() -> None:
    with pytest.raises(LimitExceeded):
        read_template(json.dumps([{"role": "user", "content": "a" * PROMPT_TEMPLATE_CHARACTERS}]))


@pytest.mark.parametrize("key", ["a.b", "a/b", "a?b", "a#b", "a%41", " a", "a-b", "_mlflow_a.b", "k" * 256, ""])
def test_keys_that_clients_could_not_delete_are_refused(key: str) -> None:
    with pytest.raises(InvalidArgument):
        check_prompt_tag(key, "v")


def test_values_of_the_clients_own_tags_may_be_long() -> None:
    check_prompt_tag("_mlflow_experiment_ids", ",1" * 1_000)
    check_version_tag(RESPONSE_FORMAT_TAG, json.dumps({"t": "x" * 50_000}))
    for key, value in (("team", "v" * 1_001), ("_mlflow_experiment_ids", "v" * 100_001)):
        with pytest.raises(InvalidArgument):
            check_prompt_tag(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (TYPE_TAG, "picture"),
        (TYPE_TAG, ""),
        (MODEL_CONFIG_TAG, "[]"),
        (MODEL_CONFIG_TAG, "{"),
        (RESPONSE_FORMAT_TAG, '"x"'),
        (RESPONSE_FORMAT_TAG, '{"a": NaN}'),
        (RESPONSE_FORMAT_TAG, "[" * 60_000),
    ],
)
def test_what_clients_parse_is_what_they_expect(key: str, value: str) -> None:
    with pytest.raises(InvalidArgument):
        check_version_tag(key, value)
