"""Scores a CSV or Parquet file with the version that an alias points at, and writes the predictions beside the input's columns.

    python score.py models:/prod.ml_team.fraud@champion transactions.parquet scored.parquet

The server comes from DATABRICKS_HOST and DATABRICKS_TOKEN, as `modelkeep env` prints them. A nightly job needs a service principal
with USE CATALOG, USE SCHEMA and EXECUTE. The job never names a version, so a move of the alias decides which version it runs.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.types import DataType, Schema

ROWS_PER_CHUNK = 100_000
"""Rows in memory at once"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="models:/catalog.schema.model@alias, or models:/catalog.schema.model/version")
    parser.add_argument("input", type=Path, help="file with one row for each prediction, .csv or .parquet")
    parser.add_argument("output", type=Path, help="file that is written, .csv or .parquet")
    parser.add_argument("--column", default="prediction", help="name of the new column (default: prediction)")
    arguments = parser.parse_args()

    uri = pinned(arguments.model)
    model = mlflow.pyfunc.load_model(uri)
    schema = model.metadata.get_input_schema()
    chunks = (
        chunk.assign(**{arguments.column: model.predict(inputs(chunk, schema)), "model_version": uri})
        for chunk in read(arguments.input)
    )
    print(f"{write(chunks, arguments.output)} rows scored with {uri}")


def pinned(uri: str) -> str:
    """The address of the version that an alias points at now, so that all rows get the same version. Others as they are."""
    name, at, alias = uri.removeprefix("models:/").partition("@")
    if not at:
        return uri
    version = MlflowClient().get_model_version_by_alias(name, alias).version
    return f"models:/{name}/{version}"


def inputs(rows: pd.DataFrame, schema: Schema | None) -> pd.DataFrame:
    """The columns of the model's signature. Whole numbers become floats if the signature has floats: CSV does not distinguish them."""
    if schema is None or not schema.has_input_names():
        return rows
    floats = (DataType.double, DataType.float)
    types = {name: "float64" for name, kind in schema.input_dict().items() if kind.type in floats}
    return rows[schema.input_names()].astype(types)


def read(path: Path) -> Iterator[pd.DataFrame]:
    """The rows of a file, in chunks."""
    if path.suffix == ".csv":
        yield from pd.read_csv(path, chunksize=ROWS_PER_CHUNK)
        return
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_CHUNK):
            yield batch.to_pandas()


def write(chunks: Iterator[pd.DataFrame], path: Path) -> int:
    """Writes all chunks into one file and returns the number of rows. An interrupted run leaves no file at `path`."""
    partial = path.with_name(path.name + ".part")
    rows = (write_csv if path.suffix == ".csv" else write_parquet)(chunks, partial)
    partial.replace(path)
    return rows


def write_csv(chunks: Iterator[pd.DataFrame], path: Path) -> int:
    rows = 0
    with path.open("w", newline="") as file:
        for chunk in chunks:
            chunk.to_csv(file, index=False, header=rows == 0)
            rows += len(chunk)
    return rows


def write_parquet(chunks: Iterator[pd.DataFrame], path: Path) -> int:
    from pyarrow import Table
    from pyarrow.parquet import ParquetWriter

    rows, writer = 0, None
    try:
        for chunk in chunks:
            table = Table.from_pandas(chunk, preserve_index=False)
            writer = writer or ParquetWriter(path, table.schema)
            writer.write_table(table.cast(writer.schema))
            rows += len(chunk)
    finally:
        if writer is not None:
            writer.close()
    return rows


if __name__ == "__main__":
    main()
