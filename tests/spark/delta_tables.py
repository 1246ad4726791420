"""Runs inside Spark's own environment: `python delta_tables.py` reads JSON from standard input and prints JSON as its last line.

Spark itself takes catalogs and credential from the spark-defaults.conf that `modelkeep spark-conf` has printed.
"""

import importlib
import json
import sys
from typing import Any

S3A = "fs.s3a."


def keys(credentials: dict[str, str]) -> dict[str, str]:
    """Options of one read or write, as the connector passes on what the server vends."""
    return {
        f"{S3A}access.key": credentials["access_key_id"],
        f"{S3A}secret.key": credentials["secret_access_key"],
        f"{S3A}session.token": credentials["session_token"],
        f"{S3A}aws.credentials.provider": "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider",
    }


def write(rows: Any, url: str, options: dict[str, str]) -> str:
    """'' or the reason why the store refused."""
    try:
        rows.write.format("delta").mode("append").options(**options).save(url)
    except Exception as error:
        text = str(error)
        return "AccessDenied" if "AccessDenied" in text or "Status Code: 403" in text else text[:2000]
    return ""


def main() -> None:
    order = json.loads(sys.stdin.read())
    spark: Any = importlib.import_module("pyspark.sql").SparkSession.builder.getOrCreate()
    rows = spark.createDataFrame([(1, 1.4), (2, 4.7), (3, 6.0)], "id long, petal_length double")
    answer: dict[str, Any] = {"settings": {key: spark.conf.get(key, None) for key in order["settings"]}}

    folder = order["folder"]
    rows.write.format("delta").mode("overwrite").save(folder)
    rows.limit(1).write.format("delta").mode("append").save(folder)
    answer["folder"] = [spark.read.format("delta").option("versionAsOf", v).load(folder).count() for v in (0, 1)]

    url, write_keys, read_keys = order["url"], keys(order["write"]), keys(order["read"])
    answer["write"] = write(rows, url, write_keys)
    answer["s3"] = spark.read.format("delta").options(**read_keys).load(url).count()
    answer["write with READ"] = write(rows, url, read_keys)
    answer["neighbour"] = write(rows, order["neighbour"], write_keys)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
