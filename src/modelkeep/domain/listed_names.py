"""Names of files in lists for MLflow's plain client, which decodes each until nothing changes, gives up on a list with a `#`, and
does not quote the names that it puts into URLs.

Its own images have such names: `log_image` of MLflow before 3.11 calls one of step 23 `...%step%23%...`
(mlflow/utils/uri.py, validate_path_is_safe). A name that would not come back is listed with full-width signs, which the client leaves
alone, and is found by that spelling where there is no file of that very name.
"""

import re
from urllib.parse import unquote

_WIDE = str.maketrans("%#?", "\uff05\uff03\uff1f")
_NARROW = str.maketrans("\uff05\uff03\uff1f", "%#?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"%([0-9A-Za-z]{2})")
_MOST_DECODINGS = 10


def decodes(user_agent: str) -> bool:
    return user_agent.startswith("mlflow-python-client/")


def listed(name: str) -> str:
    """The name as such a client keeps it."""
    return name if _as_client_keeps(name) == name and _is_sent(name) else name.translate(_WIDE)


def meant(path: str) -> str:
    """The path of which `listed` may have made this one."""
    return path.translate(_NARROW)


def _as_client_keeps(name: str) -> str:
    """What the client makes of a name; '' where it refuses."""
    text = name
    for _ in range(_MOST_DECODINGS):
        if (decoded := unquote(text)) == text:
            break
        text = decoded
    text = _CONTROL.sub(lambda match: f"%{ord(match[0]):02x}", text)
    return "" if "#" in text or ".." in text.split("/") else text


def _is_sent(name: str) -> bool:
    """The client's URL has the name, although it is not quoted: `requests` quotes every `%` where one begins no escape."""
    if "?" in name:
        return False
    escapes = _ESCAPE.findall(name)
    return not escapes or any(not re.fullmatch("[0-9A-Fa-f]{2}", escape) for escape in escapes)
