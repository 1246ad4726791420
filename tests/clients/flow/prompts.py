"""Prompts in Unity Catalog: text and chat, versions, aliases, tags, searches, links, deletion.  Argument: a catalog."""

import json
import os
import time
from typing import Any

import mlflow
from common import arguments, client, refused, same
from databricks.sdk import WorkspaceClient

os.environ["MLFLOW_ALIAS_PROMPT_CACHE_TTL_SECONDS"] = "0"
os.environ["MLFLOW_VERSION_PROMPT_CACHE_TTL_SECONDS"] = "0"
genai: Any = mlflow.genai
store: Any = client._get_registry_client().store
(catalog,) = arguments()
SCHEMA = f"{catalog}.ml_team"
NAME, CHAT = f"{SCHEMA}.greet", f"{SCHEMA}.talk"

# Text, twice: the second registration meets the prompt that the first one created.
first = genai.register_prompt(name=NAME, template="Hello {{name}}, – ✓", commit_message="first", tags={"team": "a"})
same((first.name, first.version, first.template, first.commit_message), (NAME, 1, "Hello {{name}}, – ✓", "first"))
same((first.tags, first.variables), ({"team": "a"}, {"name"}))
second = genai.register_prompt(
    name=NAME,
    template="Bye {{ who }}",
    response_format={"type": "object", "title": "t" * 5_000},
    model_config={"model_name": "m", "temperature": 0.5},
)
same(
    (second.version, second.response_format["title"], second.model_config),
    (2, "t" * 5_000, {"model_name": "m", "temperature": 0.5}),
)
same(genai.load_prompt(NAME, version=1).format(name="you"), "Hello you, – ✓")
same(genai.load_prompt(f"prompts:/{NAME}/2").template, "Bye {{ who }}")
same(genai.load_prompt(NAME).version, 2)  # no version is the newest one
same(genai.load_prompt(f"prompts:/{NAME}@latest").version, 2)

# Chat.
messages = [{"role": "system", "content": "Be {{ style }}."}, {"role": "user", "content": "{{ question }}"}]
genai.register_prompt(name=CHAT, template=messages)
chat = genai.load_prompt(CHAT, version=1)
same((chat.template, chat.is_text_prompt, chat.variables), (messages, False, {"style", "question"}))

# What is missing.
for missing in f"prompts:/{NAME}/99", f"prompts:/{SCHEMA}.none/1":
    same(genai.load_prompt(missing, allow_missing=True), None)
same(client.get_prompt_version_by_alias(NAME, "nobody"), None)
same(client.get_prompt(f"{SCHEMA}.none"), None)

# Aliases.
genai.set_prompt_alias(NAME, "production", 1)
same(genai.load_prompt(f"prompts:/{NAME}@production").version, 1)
genai.set_prompt_alias(NAME, "production", 2)
loaded = genai.load_prompt(f"prompts:/{NAME}@production")
same((loaded.version, loaded.aliases), (2, ["production"]))
for alias in "latest", "v1":
    refused(genai.set_prompt_alias, NAME, alias, 1, code="INVALID_PARAMETER_VALUE")
genai.delete_prompt_alias(NAME, "production")
genai.delete_prompt_alias(NAME, "production")  # once more does no harm
same(client.get_prompt_version_by_alias(NAME, "production"), None)

# Tags of the prompt and of a version; the configuration of its model is one.
genai.set_prompt_tag(NAME, "task", "greeting")
same(genai.get_prompt_tags(NAME), {"team": "a", "task": "greeting"})
genai.delete_prompt_tag(NAME, "task")
same(genai.get_prompt_tags(NAME), {"team": "a"})
genai.set_prompt_version_tag(NAME, 1, "author", "ja ✓")
same(genai.load_prompt(NAME, version=1).tags, {"team": "a", "author": "ja ✓"})
genai.delete_prompt_version_tag(NAME, 1, "author")
same(genai.load_prompt(NAME, version=1).tags, {"team": "a"})
genai.set_prompt_model_config(NAME, 1, {"model_name": "n", "max_tokens": 7})
same(genai.load_prompt(NAME, version=1).model_config, {"model_name": "n", "max_tokens": 7})
genai.delete_prompt_model_config(NAME, 1)
same(genai.load_prompt(NAME, version=1).model_config, None)
for key in "a.b", "a/b", "a?b", "a%41", "a#b", " a", "k" * 256:
    refused(genai.set_prompt_tag, NAME, key, "v", code="INVALID_PARAMETER_VALUE")
refused(genai.set_prompt_version_tag, NAME, 1, "_mlflow_prompt_type", "chat", code="INVALID_PARAMETER_VALUE")


# Searches.
def search(fields: str = "") -> list[str]:
    prompts = genai.search_prompts(f"catalog = '{catalog}' AND schema = 'ml_team'{fields}")
    return [prompt.name for prompt in prompts]


same(search(), [NAME, CHAT])
same(search(" AND name LIKE 'gr%'"), [NAME])
same(search(f" AND name = '{CHAT}'"), [CHAT])
same(search(" AND tags.team = 'a'"), [NAME])
refused(search, " AND size > 3", code="INVALID_PARAMETER_VALUE")
page = client.search_prompt_versions(NAME, max_results=1)
same([version.version for version in page], [2])
page = client.search_prompt_versions(NAME, max_results=5, page_token=page.token)
same(([version.version for version in page], bool(page.token)), ([1], False))

# 100,000 characters are a prompt, whatever is in them; one more is refused in one sentence.
long = "{{" + "a" * 99_998
same(genai.register_prompt(name=f"{SCHEMA}.long", template=long).template, long)
same(genai.load_prompt(f"{SCHEMA}.long", version=1).variables, set())
refused(
    lambda: genai.register_prompt(name=f"{SCHEMA}.long", template=long + "b"),
    code="INVALID_PARAMETER_VALUE",
    words="100000",
)
newlines = genai.register_prompt(name=f"{SCHEMA}.long", template='\n"\\😀\x00' * 20_000)
same(newlines.template, '\n"\\😀\x00' * 20_000)

# What runs, logged models and traces used.
with mlflow.start_run() as run:
    genai.load_prompt(NAME, version=1)
    model = mlflow.create_external_model(name="agent")
    client.link_prompt_version_to_model(NAME, "2", model.model_id)
linked = json.loads(client.get_run(run.info.run_id).data.tags["mlflow.linkedPrompts"])
same(linked, [{"name": NAME, "version": "1"}])
same(client.get_logged_model(model.model_id).tags["mlflow.linkedPrompts"], f'[{{"name": "{NAME}", "version": "2"}}]')


# A prompt that a traced function loads is linked to its trace, and the page of the prompt knows all of them by name.
@mlflow.trace(name="answer")
def answer() -> str:
    return genai.load_prompt(f"prompts:/{NAME}/1").format(name="you")


mlflow.set_experiment(f"/prompts-{catalog}")
same(answer(), "Hello you, – ✓")
mlflow.flush_trace_async_logging()
trace_id = mlflow.get_last_active_trace_id()
trace = client.get_trace(trace_id)
same(json.loads(trace.info.tags["mlflow.linkedPrompts"]), [{"name": NAME, "version": "1"}])
api = WorkspaceClient().api_client
for _ in range(50):  # MLflow sends links from a thread of its own
    used = api.do("GET", f"/api/modelkeep/v1/prompts/{NAME}/links")["links"]
    if len(used) == 3:
        break
    time.sleep(0.2)
same(
    sorted((link["kind"], link["version"], link["id"], link["name"], link["experiment_id"]) for link in used),
    sorted(
        [
            ("run", 1, run.info.run_id, run.info.run_name, run.info.experiment_id),
            ("logged_model", 2, model.model_id, "agent", model.experiment_id),
            ("trace", 1, trace_id, "answer", trace.info.experiment_id),
        ]
    ),
)

# A prompt shares its name with no model.
model_name = f"{SCHEMA}.a_model"
client.create_registered_model(model_name)
refused(lambda: genai.register_prompt(name=model_name, template="x"), code="RESOURCE_ALREADY_EXISTS")
refused(client.create_registered_model, NAME, code="RESOURCE_ALREADY_EXISTS")

# Deletion: versions first.
refused(store.delete_prompt, NAME, words="versions")
for number in (1, 2):
    client.delete_prompt_version(NAME, number)
same(genai.load_prompt(f"prompts:/{NAME}/1", allow_missing=True), None)
same(genai.register_prompt(name=NAME, template="again").version, 3)  # numbers are never used again
refused(client.delete_prompt, NAME, words="undeleted versions")
client.delete_prompt_version(NAME, 3)
client.delete_prompt(NAME)
same(client.get_prompt(NAME), None)
