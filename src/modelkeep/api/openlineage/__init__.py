"""OpenLineage over HTTP: the run events that Spark, Airflow and dbt send, and those that this server writes."""
