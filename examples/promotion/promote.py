"""Promotes the candidate of a staging model to production: checks it, copies the version, and moves the alias of production.

    python promote.py staging.ml_team.fraud prod.ml_team.fraud --check smoke.csv

The version that carries the alias `candidate` in staging is loaded and predicts the rows of the check file. Then `copy_model_version`
makes it a version of the production model on the server, and the alias `champion` moves to it. A second run changes
nothing: the tag of a version says what it was copied from.
"""

import argparse
import sys
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.types import DataType

SOURCE_TAG = "promoted_from"
"""Tag of a version in production: models:/name/version of the version in staging"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("staging", help="full name of the model in staging")
    parser.add_argument("production", help="full name of the model in production; it is created if it does not exist")
    parser.add_argument("--candidate", default="candidate", help="alias of the version to promote (default: candidate)")
    parser.add_argument("--alias", default="champion", help="alias to move in production (default: champion)")
    parser.add_argument("--check", type=Path, help="CSV file; the candidate must predict a value for each of its rows")
    arguments = parser.parse_args()

    client = MlflowClient()
    candidate = client.get_model_version_by_alias(arguments.staging, arguments.candidate)
    source = f"models:/{candidate.name}/{candidate.version}"
    if arguments.check:
        check(source, pd.read_csv(arguments.check))
    promoted = copied_before(client, arguments.production, source) or copy(client, source, arguments.production)
    client.set_registered_model_alias(arguments.production, arguments.alias, promoted.version)
    print(f"{arguments.production}@{arguments.alias} is version {promoted.version}, copied from {source}")


def check(uri: str, rows: pd.DataFrame) -> None:
    """Exits with a sentence if the model does not predict a value for each row."""
    model = mlflow.pyfunc.load_model(uri)
    schema = model.metadata.get_input_schema()
    floats = [name for name, kind in schema.input_dict().items() if kind.type in (DataType.double, DataType.float)]
    rows = rows.astype(dict.fromkeys(floats, "float64"))  # a CSV file does not distinguish 3 and 3.0
    predictions = pd.Series(list(model.predict(rows)))
    if len(predictions) != len(rows) or predictions.isna().any():
        sys.exit(f"{uri} predicts {predictions.notna().sum()} values for {len(rows)} rows. Nothing was promoted.")


def copied_before(client: MlflowClient, production: str, source: str) -> ModelVersion | None:
    """The version of the production model that an earlier run copied from `source`."""
    try:
        versions = client.search_model_versions(f"name = '{production}'")
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    whole = (client.get_model_version(production, version.version) for version in versions)  # a search leaves tags out
    return next((version for version in whole if version.tags.get(SOURCE_TAG) == source), None)


def copy(client: MlflowClient, source: str, production: str) -> ModelVersion:
    """A new version of the production model with the files of `source`."""
    version = client.copy_model_version(source, production)
    client.set_model_version_tag(production, version.version, SOURCE_TAG, source)
    return version


if __name__ == "__main__":
    main()
