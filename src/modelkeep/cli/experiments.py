"""`modelkeep experiments`: experiments of the workspace, and who may see them."""

from typing import Annotated

import typer

from modelkeep.cli.client import V1, call, list_all, show, show_json
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json, Principal

app = new_group()
_PERMISSIONS = f"{V1}/experiments/permissions"
Experiment = Annotated[str, typer.Argument(help="Id or name of the experiment.")]
Level = Annotated[str, typer.Argument(help="CAN_READ, CAN_EDIT, CAN_MANAGE, or NONE to take the permission back.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the experiments that you can see."""
    rows = list_all("GET", "/api/2.0/mlflow/experiments/search", "experiments", max_results=1000)
    show(rows, ("experiment_id", "name", "lifecycle_stage"), as_json)


@app.command()
def share(experiment: Experiment, principal: Principal, level: Level, as_json: Json = False) -> None:
    """Set a principal's permission on an experiment."""
    body = {"experiment": experiment, "principal": principal, "level": level}
    show_json(call("PUT", _PERMISSIONS, body), as_json)


@app.command()
def permissions(experiment: Experiment, as_json: Json = False) -> None:
    """List who has which permission on an experiment."""
    rows = call("GET", _PERMISSIONS, experiment=experiment)["permissions"]
    show(rows, ("principal", "level"), as_json)
