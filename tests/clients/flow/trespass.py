"""A model on which the caller holds nothing.  Arguments: the URI of a version, the name of a copy."""

import mlflow
from common import arguments, client, gone, refused

uri, target = arguments()
source = uri.removeprefix("models:/").rpartition("/")[0]
denied = "PERMISSION_DENIED"
refused(mlflow.pyfunc.load_model, uri, code=denied)
refused(client.get_registered_model, source, code=denied)
refused(client.get_model_version, source, "1", code=denied)
refused(client.copy_model_version, uri, target, words=denied)
gone(client.get_model_version, target, "1")
assert source not in [model.name for model in client.search_registered_models()]
assert not client.search_model_versions(f"name='{source}'")
