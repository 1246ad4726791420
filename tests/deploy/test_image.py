"""The image's recipe: linted, built of what is there, and started as it says. `make image-smoke` builds it for real."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from dockerfile import ROOT, Instruction, environment, stages
from live import Server, free_port

from modelkeep.settings import load

RUNTIME = stages()[-1]


def _the(word: str) -> Instruction:
    (instruction,) = (instruction for instruction in RUNTIME if instruction.word == word)
    return instruction


def test_hadolint_is_content():
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_all_that_is_copied_is_there_and_in_the_context():
    included = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied: set[str] = set()
    for stage in stages():
        for instruction in stage:
            if instruction.word == "COPY" and not instruction.text.startswith("--from"):
                copied |= {source.split("/")[0] for source in instruction.text.split()[:-1]}
                assert all((ROOT / source).exists() for source in instruction.text.split()[:-1]), instruction
    assert copied == included


def test_its_settings_are_valid_and_it_needs_an_address_for_clients():
    settings = load(environment(RUNTIME) | {"MODELKEEP_PUBLIC_URL": "https://models.example.com"})
    assert (settings.host, settings.port, settings.data_dir) == ("0.0.0.0", 8080, "/var/lib/modelkeep/data")
    assert _the("EXPOSE").text == str(settings.port)
    volume = _the("VOLUME").text
    assert settings.data_dir.startswith(f"{volume}/"), "a mounted volume may belong to root, its subfolder is ours"
    assert _the("WORKDIR").text == volume


def test_it_runs_as_a_number_without_secrets_and_stops_by_sigterm():
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", _the("USER").text)
    assert _the("STOPSIGNAL").text == "SIGTERM"
    names = [
        name
        for stage in stages()
        for instruction in stage
        if instruction.word in ("ENV", "ARG")
        for name in instruction.pairs
    ]
    assert not [name for name in names if re.search("KEY|TOKEN|SECRET|PASSWORD|DATABASE_URL", name)]


def test_its_tools_and_extras_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    arguments = {
        name: value
        for stage in stages()
        for instruction in stage
        if instruction.word == "ARG"
        for name, value in instruction.pairs.items()
    }
    assert set(arguments["EXTRAS"].split()) <= set(project["optional-dependencies"])
    assert f"uv=={arguments['UV_VERSION']}" in (ROOT / "Makefile").read_text()


def test_its_entrypoint_and_command_are_the_server():
    assert json.loads(_the("ENTRYPOINT").text) == ["modelkeep"]
    assert json.loads(_the("CMD").text) == ["serve"]


@pytest.fixture(scope="module")
def health_check() -> list[str]:
    command = json.loads(_the("HEALTHCHECK").text.partition(" CMD ")[2])
    assert command[0] == "python"
    return [sys.executable, *command[1:]]


def test_its_health_check_succeeds_where_the_server_lives(server: Server, health_check: list[str]):
    port = server.host.rpartition(":")[2]
    done = subprocess.run(health_check, env=os.environ | {"MODELKEEP_PORT": port}, check=False)
    assert done.returncode == 0


def test_its_health_check_fails_where_nothing_listens(health_check: list[str]):
    done = subprocess.run(
        health_check, env=os.environ | {"MODELKEEP_PORT": str(free_port())}, capture_output=True, check=False
    )
    assert done.returncode == 1, "docker knows 0 and 1 alone"
