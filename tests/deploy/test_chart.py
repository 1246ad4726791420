"""The Helm chart: its values against their schema, and what Helm renders of them against Kubernetes' own schemas.

Rendering needs the program `helm`: `make deploy-check` builds it from its Go module, or HELM names one.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dockerfile import ROOT, environment, stages
from jsonschema import Draft7Validator

from modelkeep.settings import SECRETS, load, variable_of

CHART = ROOT / "deploy" / "helm" / "modelkeep"
BUILT = ROOT / ".cache" / "go" / "bin" / "helm"
HELM = os.environ.get("HELM") or (str(BUILT) if BUILT.exists() else shutil.which("helm"))
needs_helm = pytest.mark.skipif(HELM is None, reason="helm is not installed: run `make deploy-check`, or set HELM")
CASES = sorted(path.name for path in (CHART / "ci").glob("*.yaml"))
VERSIONS = ("1.27", "1.31", "1.35")  # of Kubernetes: the oldest that the chart takes, and two later ones
URL = {"settings": {"PUBLIC_URL": "https://models.example.com"}}
STATELESS = {"settings": URL["settings"] | {"STORAGE_URL": "s3://models"}, "secrets": {"database-url": "postgresql://"}}

Manifests = dict[str, dict[str, Any]]


def _merged(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    return base | {
        name: _merged(base[name], value) if isinstance(value, dict) and isinstance(base.get(name), dict) else value
        for name, value in values.items()
    }


def _values(case: str) -> dict[str, Any]:
    return yaml.safe_load((CHART / "ci" / case).read_text())


def _problems(values: dict[str, Any]) -> list[str]:
    """What the schema says of these values over the chart's own."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    whole = _merged(yaml.safe_load((CHART / "values.yaml").read_text()), values)
    return [error.message for error in Draft7Validator(schema).iter_errors(whole)]


def _helm(values: dict[str, Any], folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(values))
    # A helm that is built from its module takes Kubernetes for 1.20 unless it hears better.
    arguments = [str(HELM), *command, str(CHART), "--values", str(path), "--kube-version", VERSIONS[-1]]
    return subprocess.run(
        arguments, capture_output=True, text=True, env=os.environ | {"HOME": str(folder)}, check=False
    )


def rendered(values: dict[str, Any], folder: Path, release: str = "modelkeep") -> Manifests:
    """The manifests by kind. Raises AssertionError with Helm's words."""
    done = _helm(values, folder, "template", release, "--namespace=models")
    assert done.returncode == 0, done.stderr
    documents = [document for document in yaml.safe_load_all(done.stdout) if document]
    assert len({document["kind"] for document in documents}) == len(documents), "one of each kind"
    return {document["kind"]: document for document in documents}


def _pod(manifests: Manifests) -> dict[str, Any]:
    return (manifests.get("Deployment") or manifests["StatefulSet"])["spec"]["template"]["spec"]


@pytest.mark.parametrize("values", [*map(_values, CASES), URL, STATELESS])
def test_the_schema_takes_what_the_documentation_shows(values: dict[str, Any]):
    assert _problems(values) == []


@pytest.mark.parametrize(
    "values",
    [
        {"settings": {"PUBLIC_ULR": "https://models.example.com"}},
        {"settings": {"PORT": 70000}},
        {"settings": {"DATABASE_URL": "postgresql://user:secret@db/modelkeep"}},
        {"settings": {"DATA_DIR": "/data"}},
        {"settings": {"CONCEAL": "yes"}},
        {"env": {"MODELKEEP_PORT": "1"}},
        {"secrets": {"database_url": "postgresql://"}},
        {"existingSecret": {"name": "a", "keys": ["password"]}},
        {"image": {"digest": "sha256:1"}},
        {"ingress": {"enabled": True, "hosts": []}},
        {"replica": 2},
    ],
)
def test_the_schema_refuses_what_the_server_or_kubernetes_would(values: dict[str, Any]):
    assert _problems(_merged(URL, values))


def test_every_setting_can_be_given():
    properties = json.loads((CHART / "values.schema.json").read_text())["properties"]
    named = {f"MODELKEEP_{name}" for name in properties["settings"]["properties"]}
    named |= {f"MODELKEEP_{name.upper().replace('-', '_')}" for name in properties["secrets"]["properties"]}
    from modelkeep.settings import Settings

    assert {variable_of(name) for name in Settings.__struct_fields__} - named == {"MODELKEEP_DATA_DIR"}
    assert {variable_of(name) for name in SECRETS} <= named


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_helm_lints_it(case: str, tmp_path: Path):
    done = _helm(_values(case), tmp_path, "lint", "--strict")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout + done.stderr


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_knows_every_field(case: str, tmp_path: Path):
    for manifest in rendered(_values(case), tmp_path).values():
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_the_server_takes_the_settings_of_the_pod(case: str, tmp_path: Path):
    manifests = rendered(_values(case), tmp_path)
    (container,) = _pod(manifests)["containers"]
    variables = environment(stages()[-1]) | manifests["ConfigMap"]["data"]
    secrets = {variable["name"]: variable["value"] for variable in container.get("env", [])}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for name, path in secrets.items():
        if name.endswith("_FILE"):
            assert path.startswith(f"{mounts['secrets']}/")
            (tmp_path / name).write_text("secret")
            variables |= {name: str(tmp_path / name)} if name.startswith("MODELKEEP_") else {}
    settings = load(variables)
    for name, value in _values(case)["settings"].items():
        assert getattr(settings, name.lower()) == value
    assert container["ports"] == [{"name": "http", "containerPort": settings.port}]
    assert settings.data_dir.startswith(f"{mounts['data']}/")
    pod = _pod(manifests)
    assert pod["terminationGracePeriodSeconds"] >= settings.lame_duck_seconds + settings.drain_seconds + 15
    assert settings.lame_duck_seconds > 0, "endpoints are told of a pod's end after it has begun"
    assert pod["enableServiceLinks"] is False, "MODELKEEP_PORT=tcp://... of a service called modelkeep is no setting"
    identities = [source["secret"]["secretName"] for source in pod["volumes"] if "secret" in source]
    name = _values(case).get("existingSecret", {}).get("name") or manifests.get("Secret", {}).get("metadata", {}).get(
        "name"
    )
    assert identities == ([name] if name else [])


@needs_helm
@pytest.mark.parametrize("case", CASES)
def test_the_pod_is_restricted(case: str, tmp_path: Path):
    """What Kubernetes' Pod Security Standard `restricted` asks for, and a root that is read-only."""
    pod = _pod(rendered(_values(case), tmp_path))
    user, _, group = next(part.text for part in stages()[-1] if part.word == "USER").partition(":")
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (int(user), int(group))
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/tmp", "/var/lib/modelkeep"}


@needs_helm
def test_state_elsewhere_makes_it_a_deployment(tmp_path: Path):
    assert "Deployment" in rendered(_merged(STATELESS, {"replicas": 3}), tmp_path)
    for values in (URL, {"settings": STATELESS["settings"]}, _merged(URL, {"secrets": STATELESS["secrets"]})):
        manifests = rendered(values, tmp_path)
        assert "Deployment" not in manifests
        (claim,) = manifests["StatefulSet"]["spec"]["volumeClaimTemplates"]
        assert claim["metadata"]["name"] == "data"
        done = _helm(_merged(values, {"replicas": 2}), tmp_path, "template", "modelkeep")
        assert done.returncode == 1
        assert "serve one replica" in done.stderr


@needs_helm
def test_one_replica_has_no_budget_that_would_block_a_drained_node(tmp_path: Path):
    assert "PodDisruptionBudget" not in rendered(STATELESS, tmp_path)
    assert "PodDisruptionBudget" in rendered(_merged(STATELESS, {"replicas": 2}), tmp_path)


@needs_helm
def test_it_needs_an_address_for_clients(tmp_path: Path):
    done = _helm({}, tmp_path, "template", "modelkeep")
    assert done.returncode == 1
    assert "settings.PUBLIC_URL" in done.stderr
    hosts = ["models.example.com", "dev.example.com"]
    manifests = rendered({"ingress": {"enabled": True, "hosts": hosts}}, tmp_path)
    assert manifests["ConfigMap"]["data"]["MODELKEEP_PUBLIC_URL"] == "https://models.example.com"
    assert [rule["host"] for rule in manifests["Ingress"]["spec"]["rules"]] == hosts


@needs_helm
def test_a_changed_setting_or_secret_restarts_the_pods(tmp_path: Path):
    def annotations(values: dict[str, Any]) -> dict[str, str]:
        return rendered(values, tmp_path)["Deployment"]["spec"]["template"]["metadata"]["annotations"]

    before = annotations(STATELESS)
    assert annotations(STATELESS) == before
    setting = annotations(_merged(STATELESS, {"settings": {"CONCEAL": True}}))
    secret = annotations(_merged(STATELESS, {"secrets": {"ai-key": "x"}}))
    assert before != setting != secret != before


@needs_helm
def test_only_the_server_is_behind_the_service(tmp_path: Path):
    """Not the pod of `helm test`, which carries some of the labels."""
    manifests = rendered(URL, tmp_path, release="prod")
    selector = manifests["Service"]["spec"]["selector"]
    assert selector.items() <= manifests["StatefulSet"]["spec"]["template"]["metadata"]["labels"].items()
    assert not selector.items() <= manifests["Pod"]["metadata"]["labels"].items()
    assert manifests["Service"]["metadata"]["name"] == "prod-modelkeep"
