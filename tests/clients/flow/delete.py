"""Versions and models deleted, and names used again.  Argument: a catalog."""

import mlflow
from common import arguments, client, fit, gone, predicts_like, registered, same, tags_of, version_numbers

(catalog,) = arguments()
NAME = f"{catalog}.ml_team.retired"
registered(NAME, 1, 2, 3)
client.set_registered_model_tag(NAME, "old", "yes")
client.set_registered_model_alias(NAME, "Champion", "3")

client.delete_model_version(NAME, "1")
gone(client.get_model_version, NAME, "1")
gone(mlflow.pyfunc.load_model, f"models:/{NAME}/1")
gone(client.delete_model_version, NAME, "1")
same(version_numbers(NAME), [2, 3])
predicts_like(f"models:/{NAME}/2", fit(2))

client.delete_model_version(NAME, "3")
registered(NAME, 4)
same(version_numbers(NAME), [2, 4])  # a number is never used again

client.delete_registered_model(NAME)
gone(client.get_registered_model, NAME)
gone(client.delete_registered_model, NAME)
gone(mlflow.pyfunc.load_model, f"models:/{NAME}/2")
same(version_numbers(NAME), [])
assert NAME not in [model.name for model in client.search_registered_models()]

# The same name again is another model: nothing of the first one shows.
registered(NAME, 5)
same(version_numbers(NAME), [1])
again = client.get_registered_model(NAME)
same((tags_of(again), dict(again.aliases)), ({}, {}))
predicts_like(f"models:/{NAME}/1", fit(5))
