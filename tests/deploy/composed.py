"""compose.yaml as this machine can run it: its services as processes, with its commands and environment."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+):-([^}]*)\}")


def services(text: str = (COMPOSE / "compose.yaml").read_text()) -> dict[str, Any]:
    """The services, with the defaults of all variables. Compose fills them in after YAML, so their values are text."""
    parsed: dict[str, Any] = yaml.safe_load(text)["services"]
    for service in parsed.values():
        variables = service.get("environment", {})
        service["environment"] = {
            name: _VARIABLE.sub(lambda match: match[2], str(value)) for name, value in variables.items()
        }
    return parsed


def relocated(text: str, places: dict[str, str]) -> str:
    """A container's path or address as it is called here."""
    for before, after in places.items():
        text = text.replace(before, after)
    return text
