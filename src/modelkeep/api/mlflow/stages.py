"""Stages do not exist here, as in Unity Catalog."""

from collections.abc import Sequence

from modelkeep.domain.errors import InvalidArgument

NO_STAGES = "Stages are not supported: use aliases instead, such as `models:/name@champion`."


ALL_STAGES = frozenset({"none", "staging", "production", "archived"})
"""mlflow/entities/model_registry/model_version_stages.py"""


def only_others(stages: Sequence[str]) -> bool:
    """Whether these stages leave out `None`, in which all versions are here. A list of all of them asks for any version at all:
    MLflow before 3.2 sends it when it deletes a version of a prompt."""
    named = {stage.lower() for stage in stages}
    return bool(named) and not ({"none"} <= named <= ALL_STAGES)


def refuse(*_: object) -> InvalidArgument:
    return InvalidArgument(f"{NO_STAGES} Set one with `set_registered_model_alias`.")
