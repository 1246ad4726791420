"""`modelkeep jobs`: the server's background jobs."""

from modelkeep.cli.client import V1, list_all, show
from modelkeep.cli.commands import new_group
from modelkeep.cli.parameters import Json

app = new_group()


@app.command("jobs")
def list_jobs(as_json: Json = False) -> None:
    """List background jobs that wait, run or have failed."""
    show(list_all("GET", f"{V1}/jobs", "jobs"), ("task", "key", "state", "attempts", "error"), as_json)
