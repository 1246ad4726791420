"""Aliases: set, moved, read, loaded by, deleted, and what goes with them.  Argument: a catalog."""

from common import arguments, client, fit, gone, predicts_like, refused, registered, same

(catalog,) = arguments()
NAME = f"{catalog}.ml_team.aliased"
registered(NAME, 1, 6)


def at(alias: str) -> str:
    return str(client.get_model_version_by_alias(NAME, alias).version)


client.set_registered_model_alias(NAME, "Champion", 1)
same(at("Champion"), "1")
predicts_like(f"models:/{NAME}@Champion", fit(1))
client.set_registered_model_alias(NAME, "Champion", 2)
same(at("Champion"), "2")
predicts_like(f"models:/{NAME}@Champion", fit(6))

# Case counts, and one version may have several.
gone(client.get_model_version_by_alias, NAME, "champion")
client.set_registered_model_alias(NAME, "champion", "1")
client.set_registered_model_alias(NAME, "Challenger-2", "1")
same((at("champion"), at("Champion"), at("Challenger-2")), ("1", "2", "1"))
same(sorted(client.get_model_version(NAME, "1").aliases), ["Challenger-2", "champion"])
same(dict(client.get_registered_model(NAME).aliases), {"Champion": "2", "champion": "1", "Challenger-2": "1"})

client.delete_registered_model_alias(NAME, "champion")
gone(client.get_model_version_by_alias, NAME, "champion")
client.delete_registered_model_alias(NAME, "champion")  # once more does no harm
same(at("Champion"), "2")

gone(client.set_registered_model_alias, NAME, "Champion", "9")
same(at("Champion"), "2")
for alias in "latest", "LATEST", "v1", "V12", "prod\n", "with space", "a" * 256:
    refused(client.set_registered_model_alias, NAME, alias, "1", code="INVALID_PARAMETER_VALUE")

# Ten fit, an eleventh does not; moving one of the ten needs no room.
for number in range(8):
    client.set_registered_model_alias(NAME, f"a{number}", "1")
refused(client.set_registered_model_alias, NAME, "eleventh", "1", words="10")
client.set_registered_model_alias(NAME, "a7", "2")
same((at("a7"), len(client.get_registered_model(NAME).aliases)), ("2", 10))

# A version's aliases go with it.
client.delete_model_version(NAME, "2")
gone(client.get_model_version_by_alias, NAME, "Champion")
same(len(client.get_registered_model(NAME).aliases), 8)
