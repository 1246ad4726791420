"""MLflow's native client where it differs from the default one: its filter rules and words.  Argument: a catalog."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "flow"))

from common import arguments, client, fit, gone, predicts_like, refused, registered, same, tags_of, version_numbers

(catalog,) = arguments()
NAME, BAD = f"{catalog}.ml_team.governed", "INVALID_PARAMETER_VALUE"
client.create_registered_model(NAME, tags={"team": "forecasting"}, description="at birth")
registered(NAME, 2, 3)

model = client.get_registered_model(NAME)
same((model.name, model.description, tags_of(model)), (NAME, "at birth", {"team": "forecasting"}))
client.set_registered_model_tag(NAME, "n", 3)
client.delete_registered_model_tag(NAME, "team")
client.delete_registered_model_tag(NAME, "team")  # once more does no harm
client.set_model_version_tag(NAME, "2", "kept", "ja ✓")
same(tags_of(client.get_registered_model(NAME)), {"n": "3"})
for key in "a.b", "a/b", " a", "k" * 256:
    refused(client.set_registered_model_tag, NAME, key, "v", code=BAD)
same(client.update_registered_model(NAME, "which flower it is").description, "which flower it is")
same(client.update_model_version(NAME, "1", "the shallow one").description, "the shallow one")
client.update_registered_model(NAME, "")
same(client.get_registered_model(NAME).description or "", "")

# Search: by name alone, in quotes; a model that is not there has no versions.
same(
    [
        registered_model.name
        for registered_model in client.search_registered_models()
        if registered_model.name.startswith(catalog)
    ],
    [NAME],
)
same(version_numbers(NAME), [1, 2])
same(version_numbers(f"{NAME}x"), [])
pages = client.search_model_versions(f"name='{NAME}'", max_results=1)
rest = client.search_model_versions(f"name='{NAME}'", max_results=1, page_token=pages.token)
same(sorted(str(item.version) for item in [*pages, *rest]), ["1", "2"])

# Renamed: by its full name, then by its bare one. All that hangs on it comes along, nothing stays behind.
client.set_registered_model_alias(NAME, "Champion", "2")
full, now = f"{catalog}.ml_team.renamed", f"{catalog}.ml_team.renamed_again"
client.rename_registered_model(NAME, full)
same(client.get_registered_model(full).name, full)
gone(client.get_registered_model, NAME)
client.rename_registered_model(full, "renamed_again")
same(tags_of(client.get_model_version_by_alias(now, "Champion")), {"kept": "ja ✓"})
predicts_like(f"models:/{now}@Champion", fit(3))
client.create_registered_model(NAME)
refused(client.rename_registered_model, now, NAME, code="RESOURCE_ALREADY_EXISTS")
refused(client.rename_registered_model, now, f"{catalog}.other.name", code=BAD, words="stays in its schema")

# Refusals of the server, as this client sees them.
refused(client.create_registered_model, NAME.upper(), code="RESOURCE_ALREADY_EXISTS")
refused(client.create_registered_model, f"{catalog}.ml_team.with space", code=BAD)
refused(client.create_registered_model, f"{catalog}.ml_team.{'n' * 256}", code=BAD)
refused(client.create_registered_model, f"no_such_{catalog}.ml_team.strict", code="RESOURCE_DOES_NOT_EXIST")
refused(client.create_registered_model, f"{catalog}.no_such.strict", code="RESOURCE_DOES_NOT_EXIST")
refused(client.get_registered_model, "ml_team.strict", code=BAD, words="specify all three levels")
gone(client.update_registered_model, f"{catalog}.ml_team.nobody", "text")
gone(client.get_model_version, now, "3")
gone(client.get_model_version_by_alias, now, "nobody")
gone(client.set_model_version_tag, now, "3", "k", "v")
refused(client.get_model_version, now, "0", code=BAD)
