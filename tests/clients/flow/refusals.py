"""What is refused, in which words, and that nothing is left half done.  Argument: a catalog."""

import tempfile
from pathlib import Path

import mlflow
from common import X, arguments, client, fit, gone, refused, registered, same, version_numbers
from mlflow.models import ModelSignature, infer_signature

(catalog,) = arguments()
SCHEMA = f"{catalog}.ml_team"
NAME = f"{SCHEMA}.strict"
BAD, TAKEN = "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS"
registered(NAME, 3)

# Names.
for short in "strict", "ml_team.strict", f"{SCHEMA}.strict.more":
    refused(client.create_registered_model, short, words="specify all three levels")
    refused(client.get_registered_model, short, code=BAD, words="specify all three levels")
for odd in f"{SCHEMA}.with space", f"{SCHEMA}.", f"{SCHEMA}.tab\tbed", f"{SCHEMA}.{'n' * 256}":
    refused(client.create_registered_model, odd, code=BAD)
client.create_registered_model(f"{SCHEMA}.{'n' * 255}")
refused(client.create_registered_model, NAME, code=TAKEN)
refused(client.create_registered_model, NAME.upper(), code=TAKEN)
refused(client.create_registered_model, f"no_such_{catalog}.ml_team.strict", words=f"no_such_{catalog}")
refused(client.create_registered_model, f"{catalog}.no_such_schema.strict", words="no_such_schema")
gone(client.get_registered_model, f"{SCHEMA}.nobody")
gone(client.update_registered_model, f"{SCHEMA}.nobody", "text")
gone(client.set_registered_model_tag, f"{SCHEMA}.nobody", "k", "v")

# Versions.
for number in "abc", "0", "-1", str(2**63), "1.0", "٣":
    refused(client.get_model_version, NAME, number, code=BAD)
gone(client.get_model_version, NAME, "2")
gone(client.get_model_version, NAME, str(2**63 - 1))
gone(mlflow.pyfunc.load_model, f"models:/{NAME}/2")
gone(mlflow.pyfunc.load_model, f"models:/{NAME}@nobody")
gone(mlflow.pyfunc.load_model, f"models:/{SCHEMA}.nobody/1")

# A signature with inputs and outputs is required: the client looks first, the server does not rely on it.
model = fit()
inferred = infer_signature(X, model.predict(X))


def saved(folder: str, signature: ModelSignature | None) -> str:
    path = Path(folder) / "model"
    mlflow.sklearn.save_model(model, path, signature=signature, pip_requirements=["scikit-learn"])
    return str(path)


with tempfile.TemporaryDirectory() as unsigned, tempfile.TemporaryDirectory() as half:
    refused(mlflow.register_model, saved(unsigned, None), NAME, words="signature")
    refused(mlflow.register_model, saved(half, ModelSignature(inputs=inferred.inputs)), NAME, words="signature")
same(version_numbers(NAME), [1])

# What models in Unity Catalog do not have, in the client's own words.
stages = "unsupported for models in the Unity Catalog"
refused(client.transition_model_version_stage, NAME, "1", "Production", words=stages)
refused(client.get_latest_versions, NAME, words=stages)
refused(mlflow.pyfunc.load_model, f"models:/{NAME}/Production", words=stages)
refused(mlflow.pyfunc.load_model, f"models:/{NAME}/latest", words=stages)
refused(client.search_registered_models, filter_string=f"name='{NAME}'", words=stages)
refused(client.search_registered_models, order_by=["name"], words=stages)
refused(client.search_model_versions, f"name='{NAME}'", order_by=["name"], words=stages)
refused(client.search_model_versions, f"nonsense ~ '{NAME}'", code=BAD)
refused(client.search_model_versions, f"name='{NAME}'", page_token="not-a-token", code=BAD)
