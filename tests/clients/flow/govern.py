"""Tags, descriptions, searches and renames.  Argument: a catalog."""

from common import arguments, client, fit, gone, predicts_like, refused, registered, same, tags_of, version_numbers

(catalog,) = arguments()
NAME = f"{catalog}.ml_team.governed"
client.create_registered_model(NAME, tags={"team": "forecasting"}, description="at birth")
registered(NAME, 2, 3)

model = client.get_registered_model(NAME)
same((model.name, model.description, tags_of(model)), (NAME, "at birth", {"team": "forecasting"}))
client.set_registered_model_tag(NAME, "task", "classification")
client.set_registered_model_tag(NAME, "task", "regression")
client.set_registered_model_tag(NAME, "n", 3)
same(tags_of(client.get_registered_model(NAME)), {"team": "forecasting", "task": "regression", "n": "3"})
client.delete_registered_model_tag(NAME, "task")
client.delete_registered_model_tag(NAME, "task")  # once more does no harm
same(tags_of(client.get_registered_model(NAME)), {"team": "forecasting", "n": "3"})

client.set_model_version_tag(NAME, "1", "validation_status", "approved")
same(tags_of(client.get_model_version(NAME, "1")), {"validation_status": "approved"})
same(tags_of(client.get_model_version(NAME, "2")), {})
client.delete_model_version_tag(NAME, "1", "validation_status")
same(tags_of(client.get_model_version(NAME, "1")), {})
client.set_model_version_tag(NAME, "2", "kept", "ja ✓")

for key in "a.b", "a,b", "a-b", "a=b", "a/b", "a:b", " a", "k" * 256:
    refused(client.set_registered_model_tag, NAME, key, "v", code="INVALID_PARAMETER_VALUE")
refused(client.set_model_version_tag, NAME, "1", "k", "v" * 1001, code="INVALID_PARAMETER_VALUE")

same(client.update_registered_model(NAME, "which flower it is").description, "which flower it is")
same(client.update_model_version(NAME, "1", "the shallow one").description, "the shallow one")
same(client.get_registered_model(NAME).description, "which flower it is")
same(client.get_model_version(NAME, "1").description, "the shallow one")
client.update_registered_model(NAME, "")
same(client.get_registered_model(NAME).description or "", "")

same(
    [
        registered_model.name
        for registered_model in client.search_registered_models()
        if registered_model.name.startswith(catalog)
    ],
    [NAME],
)
same(version_numbers(NAME), [1, 2])
run_id = client.get_model_version(NAME, "2").run_id
same([str(model_version.version) for model_version in client.search_model_versions(f"run_id='{run_id}'")], ["2"])
pages = client.search_model_versions(f"name='{NAME}'", max_results=1)
assert pages.token, "one of two on a page, and no token for the next"
rest = client.search_model_versions(f"name='{NAME}'", max_results=1, page_token=pages.token)
same(sorted(str(item.version) for item in [*pages, *rest]), ["1", "2"])

# Renamed: by its full name, then by its bare one. All that hangs on it comes along, nothing stays behind.
client.set_registered_model_alias(NAME, "Champion", "2")
full = f"{catalog}.ml_team.renamed"
client.rename_registered_model(NAME, full)
same(client.get_registered_model(full).name, full)
gone(client.get_registered_model, NAME)
client.rename_registered_model(full, "renamed_again")
now = f"{catalog}.ml_team.renamed_again"
same(client.get_registered_model(now).name, now)
same(tags_of(client.get_registered_model(now)), {"team": "forecasting", "n": "3"})
same(tags_of(client.get_model_version_by_alias(now, "Champion")), {"kept": "ja ✓"})
predicts_like(f"models:/{now}@Champion", fit(3))
predicts_like(f"models:/{now}/1", fit(2))

client.create_registered_model(NAME)
fresh = client.get_registered_model(NAME)
same((tags_of(fresh), dict(fresh.aliases), version_numbers(NAME)), ({}, {}, []))
refused(client.rename_registered_model, now, NAME, code="RESOURCE_ALREADY_EXISTS")
