"""Templates of prompts, and the tags that say what a version is: read once, and kept in one form."""

import json
from typing import Any, cast

from modelkeep.domain.errors import InvalidArgument, LimitExceeded
from modelkeep.domain.names import check_platform_tag, check_tag, check_tag_key
from modelkeep.limits import PROMPT_TEMPLATE_CHARACTERS

TYPE_TAG = "_mlflow_prompt_type"
RESPONSE_FORMAT_TAG = "_mlflow_prompt_response_format"
MODEL_CONFIG_TAG = "_mlflow_prompt_model_config"
"""What a version is, as its client says it in tags (mlflow/prompt/constants.py). Only the configuration of its model may change
(`mlflow.genai.set_prompt_model_config`)."""
PART_OF_VERSION = "_mlflow_prompt_"
"""How their keys begin."""
_CLIENTS_OWN = "_mlflow_"
"""How the keys of tags begin that MLflow's client sets by itself; their values may be as long as MLflow's own."""
_ENDS_PATH = "?#%"
"""Clients write a tag's key unquoted into a path, and could not delete a tag with one of these."""
_NOT_JSON = "The template is not JSON. Send the JSON text of a string, or of a list of chat messages."


def read_template(text: str) -> str:
    """A template as a client sends it (the JSON text of a string, or of a list of messages), in the form that is kept.
    Variables are the client's business: `{{` that nothing closes is text. Raises InvalidArgument, LimitExceeded."""
    template = _parsed(text, _NOT_JSON)
    if isinstance(template, list):
        for message in cast("list[Any]", template):
            if not (isinstance(message, dict) and isinstance(cast("dict[str, Any]", message).get("role"), str)):
                raise InvalidArgument("Each message of a chat template is an object with a `role` and a `content`.")
        if not template:
            raise InvalidArgument("A chat template has at least one message.")
    elif not isinstance(template, str):
        raise InvalidArgument(_NOT_JSON)
    uniform = _in_one_form(template, _NOT_JSON)
    characters = len(template) if isinstance(template, str) else len(uniform)
    if characters > PROMPT_TEMPLATE_CHARACTERS:
        raise LimitExceeded(
            f"The template is {characters} characters long; at most {PROMPT_TEMPLATE_CHARACTERS} are allowed."
        )
    return uniform


def type_of(template: str) -> str:
    """`text` or `chat`, of a template in the form that is kept."""
    return "text" if template.startswith('"') else "chat"


def check_prompt_tag(key: str, value: str) -> None:
    """A tag of a prompt, or one of a version. Raises InvalidArgument."""
    if bad := [c for c in _ENDS_PATH if c in key]:
        raise InvalidArgument(f"Tag key {key[:255]!r} must not contain {' '.join(bad)}: clients could not delete it.")
    if not key.startswith(_CLIENTS_OWN):
        check_platform_tag(key, value)
        return
    check_tag_key(key)
    check_tag(key, value)


def check_version_tag(key: str, value: str) -> None:
    """As `check_prompt_tag`; and what clients parse must be what they expect. Raises InvalidArgument."""
    check_prompt_tag(key, value)
    if key == TYPE_TAG and value not in ("text", "chat"):
        raise InvalidArgument(f"Tag '{key}' is 'text' or 'chat', got {value[:100]!r}.")
    if key in (RESPONSE_FORMAT_TAG, MODEL_CONFIG_TAG):
        sentence = f"The value of tag '{key}' must be the JSON text of an object."
        parsed = _parsed(value, sentence)
        if not isinstance(parsed, dict):
            raise InvalidArgument(sentence)
        _in_one_form(parsed, sentence)


def _parsed(text: str, sentence: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(sentence) from error


def _in_one_form(value: Any, sentence: str) -> str:
    """JSON text that each database can hold: characters as themselves, NUL escaped, no NaN, no half of a surrogate pair."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(sentence) from error
    return text
