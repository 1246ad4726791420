"""Stages do not exist here, as in Unity Catalog."""

from modelkeep.domain.errors import InvalidArgument

NO_STAGES = "Stages are not supported: use aliases instead, such as `models:/name@champion`."


def refuse(*_: object) -> InvalidArgument:
    return InvalidArgument(f"{NO_STAGES} Set one with `set_registered_model_alias`.")
