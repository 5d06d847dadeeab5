"""The files of `api/image`, and the image that they make."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
import yaml
from compose_spec import PyCompose
from dockerfile_parse import DockerfileParser

from api.server import listen
from api.settings import Settings
from data.importing.sources.feedback import feedback_rows
from data.tables.rows import Row
from model.registry import Registry
from tests.api.conftest import until
from tests.api.image_root import Image, build, obstacle

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "api" / "image"
DOCKERFILE = IMAGE / "Dockerfile"
PACKAGES = ("api", "training", "evaluation", "model", "data")
SETTINGS = {f"TRIAGE_{name.upper()}" for name in Settings.model_fields}

_INTERPOLATED = re.compile(r"\$\{\w+:-([^}]*)\}")


def compose() -> dict[str, Any]:
    """The compose file as it is without a file `.env`."""
    found: dict[str, Any] = yaml.safe_load(_INTERPOLATED.sub(r"\1", (IMAGE / "compose.yaml").read_text()))
    return found


SERVICES: dict[str, dict[str, Any]] = compose()["services"]


def mounts(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is mounted, and where."""
    for volume in service.get("volumes", ()):
        if isinstance(volume, dict):
            yield volume["source"], volume["target"]
        else:
            source, target, *_ = volume.split(":")
            yield source, target


def last(kind: str) -> str:
    """What the last step of a kind says."""
    steps = DockerfileParser(fileobj=BytesIO(DOCKERFILE.read_bytes())).structure
    return str([step["value"] for step in steps if step["instruction"] == kind][-1])


def test_hadolint_finds_nothing_and_no_rule_is_switched_off() -> None:
    subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "--no-color", "--failure-threshold=style", DOCKERFILE], check=True
    )
    assert "hadolint" not in DOCKERFILE.read_text()


def test_the_image_runs_as_nobody_in_particular_and_gets_its_signals_itself() -> None:
    user, group = map(int, last("USER").split(":"))
    assert min(user, group) >= 1000
    assert json.loads(last("ENTRYPOINT")) + json.loads(last("CMD")) == [
        *("triage", "serve"),
        *("--host", "0.0.0.0"),  # noqa: S104  # of a container, whose ports are published one by one
    ]
    assert last("STOPSIGNAL") == "SIGTERM"


def test_the_image_has_the_python_that_the_tests_are_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"ARG PYTHON={project['requires-python'].removeprefix('>=')}\n" in DOCKERFILE.read_text()


def test_every_variable_of_the_image_is_a_setting() -> None:
    named = set(re.findall(r"TRIAGE_\w+", DOCKERFILE.read_text()))
    assert named
    assert named <= SETTINGS


def test_the_compose_file_is_one() -> None:
    parsed = PyCompose.from_json(json.dumps(compose()))
    assert {"triage", "postgres", "prometheus", "grafana"} == set(parsed.service_names())
    named = {name for service in SERVICES.values() for name, _ in mounts(service) if "/" not in name}
    assert named == set(compose()["volumes"])
    assert {name for service in SERVICES.values() for name in service.get("secrets", ())} == set(compose()["secrets"])


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices"} & set(service)
    assert service.get("user", "somebody") not in {"root", "0"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "latest" not in service.get("image", "")


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there_and_not_changed(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        (source, _), *_ = mounts({"volumes": [volume]})
        if "/" in source:
            assert volume["read_only"] if isinstance(volume, dict) else volume.endswith(":ro")
            # Bundles are trained, not shipped.
            assert (IMAGE / source).exists() or (IMAGE / source).resolve() == ROOT / "models"
    for secret in SERVICES[name].get("secrets", ()):
        assert (IMAGE / compose()["secrets"][secret]["file"]).read_text() == ""


def test_no_password_stands_in_the_compose_file() -> None:
    given = {key: value for service in SERVICES.values() for key, value in service.get("environment", {}).items()}
    secrets = {key: value for key, value in given.items() if "PASSWORD" in key}
    assert secrets
    assert not any(secrets.values())
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/api/image/.env", "/api/image/secrets/"} <= set(ignored)


def test_what_can_be_set_for_the_composition_is_known() -> None:
    example = (IMAGE / "env.example").read_text()
    known = set(re.findall(r"\$\{(\w+):-", (IMAGE / "compose.yaml").read_text()))
    set_there = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert set_there - known <= SETTINGS | {"COMPOSE_PROFILES"}
    assert {name for name in SERVICES["triage"]["environment"] if name.startswith("TRIAGE_")} <= SETTINGS
    profiles = {profile for service in SERVICES.values() for profile in service.get("profiles", ())}
    assert profiles == set(re.findall(r"^#COMPOSE_PROFILES=(\w+)$", example, re.MULTILINE))


def test_open_requests_have_their_time_before_the_container_is_killed() -> None:
    assert (
        int(SERVICES["triage"]["stop_grace_period"].removesuffix("s")) > Settings.model_fields["drain_seconds"].default
    )


def test_prometheus_asks_the_service_by_a_name_and_with_a_key_that_it_knows() -> None:
    [job] = yaml.safe_load((IMAGE / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    [[host, port]] = [target.split(":") for config in job["static_configs"] for target in config["targets"]]
    assert host in SERVICES
    assert host in SERVICES["triage"]["environment"]["TRIAGE_ALLOWED_HOSTS"].split(",")
    assert f"TRIAGE_PORT={port}" in DOCKERFILE.read_text()
    folder, _, secret = job["authorization"]["credentials_file"].rpartition("/")
    assert folder == "/run/secrets"
    assert secret in SERVICES["prometheus"]["secrets"]


def test_the_health_check_and_the_dashboard_find_their_places() -> None:
    assert "/livez" in last("HEALTHCHECK")
    grafana = {target: IMAGE / source for source, target in mounts(SERVICES["grafana"])}
    provisioning = grafana["/etc/grafana/provisioning"]
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "files.yaml").read_text())["providers"]
    assert source["url"].removeprefix("http://").partition(":")[0] in SERVICES
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    text = (grafana[str(home.parent)] / home.name).read_text()
    assert set(re.findall(r'"uid": "(\w+)"', text)) == {source["uid"], "triage"}


@pytest.fixture(scope="module")
def work() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="triage-image-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def image(work: Path) -> Image:
    """The image, carried out step by step."""
    reason = obstacle()
    if reason:
        pytest.skip(reason)
    return build(DOCKERFILE, ROOT, work)


class Container(NamedTuple):
    """The image as a process that runs: where it answers, what it said so far, and the command of its health check."""

    process: "subprocess.Popen[bytes]"
    url: str
    log: Path
    healthcheck: list[str]

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def healthy(self) -> bool:
        return subprocess.run(self.healthcheck, check=False, capture_output=True).returncode == 0


@contextmanager
def container(image: Image, models: Path, work: Path) -> Iterator[Container]:
    """Run the image on a free port, with a volume for its data."""
    data = Path(shutil.copytree(image.root / "data", work / "volume"))
    owner = (image.root / "data").stat()
    os.chown(data, owner.st_uid, owner.st_gid)  # as an engine does for a new volume
    binds = {"/models": models, "/data": data}
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = {**image.environment, "TRIAGE_PORT": str(port)}
    given = [f"{name}={value}" for name, value in environment.items()]
    command = image.process([*image.entrypoint, *image.command], binds)
    with (work / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            yield Container(
                process,
                f"http://127.0.0.1:{port}",
                work / "log",
                image.process(["env", "-i", *given, *image.healthcheck], binds),
            )
        finally:
            process.kill()


@pytest.mark.slow
def test_the_image_holds_the_five_packages_whole_and_no_library_for_training(image: Image, work: Path) -> None:
    [installed] = image.root.glob("opt/triage/lib/python3.*/site-packages")
    for package in PACKAGES:
        sent = {
            path.relative_to(work / "context") for path in (work / "context" / package).rglob("*") if path.is_file()
        }
        assert sent
        assert {path for path in sent if not (installed / path).is_file()} == set()
    # A folder of posts, a key or the history has no place in it.
    assert {path.name for path in (work / "context").iterdir()} == {*PACKAGES, "LICENSE", "README.md", "pyproject.toml"}
    unwanted = {".jsonl", ".onnx", ".db", ".md", ".pyc"}
    assert [path.name for path in (work / "context").rglob("*") if path.suffix in unwanted] == ["README.md"]
    script = """
import importlib.util, json, os
print(json.dumps({
    "found": [*filter(importlib.util.find_spec, ("torch", "transformers", "datasets", "sklearn", "pip"))],
    "where": importlib.util.find_spec("api").origin,
    "user": os.getuid(),
    "process": os.getpid(),
    "read-only": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
    "writable": [folder for folder in ("/", "/opt/triage", "/etc/triage", "/tmp") if os.access(folder, os.W_OK)],
}))
"""
    said = subprocess.run(
        image.process(["python", "-c", script], {}), env=image.environment, capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == {
        "found": [],
        "where": f"/{(installed / 'api' / '__init__.py').relative_to(image.root)}",
        "user": int(image.user.partition(":")[0]),
        "process": 1,
        "read-only": True,
        "writable": ["/tmp"],  # noqa: S108  # the container's own
    }


@pytest.mark.slow
def test_the_image_serves_is_healthy_and_ends_when_asked(image: Image, registry: Registry, work: Path) -> None:
    models = Path(shutil.copytree(registry.root, work / "models"))
    for path in (models, *models.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with container(image, models, work) as running:
        began = time.time()
        until(running.ready)
        with httpx.Client(base_url=running.url) as client:
            text = "refund please order is late"
            [result] = client.post("/classify", json={"text": text}).json()["results"]
            assert result["status"] == "ok"
            correction = {"answer": result["answer"], "labels": {"intent": "outage"}, "text": text}
            assert client.post("/feedback", json=correction).json()["summary"]["new"] == 1
            for page in ("/", "/docs", "/metrics"):
                assert client.get(page).status_code == 200
        assert running.healthy()
        [first] = psutil.Process(running.process.pid).children()
        first.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0
        assert not running.healthy()
        said = running.log.read_text()
    assert "everybody who reaches this port can use" in said
    assert "telemetry" not in said
    assert (work / "volume" / "feedback.db").stat().st_uid == int(image.user.partition(":")[0])
    corrected = shutil.copytree(work / "volume", work / "corrected")
    [row] = feedback_rows(str(corrected / "feedback.db"), "feedback:corrected")
    assert isinstance(row, Row)
    assert (row.values["text"], row.values["intent"]) == (text, "outage")
    written = [path for path in image.root.rglob("*") if path.lstat().st_mtime > began]
    assert written == []
