"""Checks of `docker-compose.yml` and its files, without a Docker daemon.

What goes here: format, defaults and ports. What stays out: the running platform (in
`test_platform`).
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from cryptoassets.settings import project_root
from cryptoassets_tests.compose.platform import compose_program

ROOT = project_root()
DOCKERFILES = sorted(path.relative_to(ROOT) for path in (ROOT / "docker").glob("*/Dockerfile"))
CONTRACT_PORTS = {
    "airflow-webserver": "8081",
    "mongo-express": "8082",
    "pgadmin": "5050",
    "spark-master": "8080",
    "postgres": "5432",
    "dagster-webserver": "3000",
    "mongo": "27017",
}
# Long lines are URLs and health checks; a document start is useless in a file with one document.
YAML_RULES = (
    "{extends: default, rules: {line-length: disable, document-start: disable, "
    "braces: {max-spaces-inside: 0}}}"
)
# Rules of order; two that reject an image with a build, or a variable as an interface; two that
# misread a list on one line.
DCLINT_RULES = (
    "--max-warnings=0",
    *(
        f"--disable-rule={name}"
        for name in (
            "service-keys-order", "services-alphabetical-order", "top-level-properties-order",
            "no-build-and-image", "no-unbound-port-interfaces",
            "require-quotes-in-ports", "no-quotes-in-volumes",
        )
    ),
)  # fmt: skip
WITHOUT_LOG_IN = {"dagster-webserver", "spark-master"}


def has_compose() -> bool:
    """Return whether compose is available; no daemon is needed."""
    if shutil.which(compose_program()[0]) is None:
        return False
    asked = subprocess.run([*compose_program(), "version"], capture_output=True, check=False)
    return asked.returncode == 0


needs_compose = pytest.mark.skipif(
    not has_compose(), reason="needs docker-compose, or Docker's client with its plugin (no daemon)"
)


def resolved(**environment: str) -> dict[str, Any]:
    """Return the services as compose resolves them without a `.env`."""
    answer = subprocess.run(
        [*compose_program(), "--env-file", os.devnull, "config"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    services: dict[str, Any] = yaml.safe_load(answer.stdout)["services"]
    return services


def preflight() -> ModuleType:
    """Import the script, which is not part of a package."""
    path = ROOT / "docker/preflight/preflight.py"
    spec = importlib.util.spec_from_file_location("preflight", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tool(name: str) -> str:
    """Return the path of a tool of the dev group."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"needs {name} of the dev group: make setup-dev")
    return str(path)


def complaints(*command: str) -> str:
    """Return a linter's output; empty if it has no complaints."""
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


@needs_compose
def test_compose_accepts_the_file_without_a_dotenv_and_without_warnings() -> None:
    """A new user has no .env, and would first see a warning about an unset variable."""
    ended = subprocess.run(
        [*compose_program(), "--env-file", os.devnull, "config", "-q"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (ended.returncode, ended.stdout + ended.stderr)


@needs_compose
def test_every_port_is_the_documented_one_and_on_loopback() -> None:
    """Dagster and Spark have no log-in, and the others have a publicly known password."""
    published = {
        name: [(port["host_ip"], port["published"]) for port in service["ports"]]
        for name, service in resolved().items()
        if "ports" in service
    }

    assert {name: [("127.0.0.1", port)] for name, port in CONTRACT_PORTS.items()} == published


@needs_compose
def test_services_without_log_in_stay_on_loopback_with_any_bind_address() -> None:
    """BIND_ADDRESS only opens services that have a password."""
    services = resolved(BIND_ADDRESS="0.0.0.0")  # noqa: S104

    on_loopback = {
        name
        for name, service in services.items()
        if any(port["host_ip"] == "127.0.0.1" for port in service.get("ports", ()))
    }
    assert WITHOUT_LOG_IN == on_loopback


@needs_compose
def test_every_service_rotates_its_log_and_has_a_memory_limit() -> None:
    """One service without them can fill the disk or use all memory."""
    services = resolved()

    unlimited = {
        name
        for name, service in services.items()
        if not service.get("mem_limit") or "max-size" not in service["logging"]["options"]
    }
    assert set() == unlimited


@needs_compose
def test_every_service_waits_for_the_preflight() -> None:
    """Otherwise a service would open its port before the passwords are checked."""
    services = resolved()

    def waits(name: str) -> bool:
        before = services[name].get("depends_on", {})
        return "preflight" in before or any(waits(other) for other in before)

    assert {"preflight"} == {name for name in services if not waits(name)}


@needs_compose
def test_a_change_of_the_code_does_not_change_the_image_of_the_preflight() -> None:
    """All services depend on it, so `up --build` would recreate even the databases."""
    job = resolved()["preflight"]

    assert "build" not in job
    assert not job["image"].startswith("cryptoassets/")
    [script] = job["volumes"]
    assert [str(ROOT / "docker/preflight/preflight.py"), True] == [
        script["source"],
        script["read_only"],
    ]
    assert script["target"] == job["command"][-1]


@needs_compose
def test_our_own_images_are_not_pulled_from_a_registry() -> None:
    """Otherwise the first `up` would report that access was denied."""
    own = {n: s for n, s in resolved().items() if s["image"].startswith("cryptoassets/")}

    assert {"never"} == {service.get("pull_policy") for service in own.values()}
    built = [service["image"] for service in own.values() if "build" in service]
    assert sorted({service["image"] for service in own.values()}) == sorted(built)


@needs_compose
def test_the_preflight_knows_every_password_of_the_file() -> None:
    """An unknown password could still have its default while a port is open."""
    given = resolved()["preflight"]["environment"]

    given.pop("BIND_ADDRESS")
    assert preflight().DEFAULTS == given


@needs_compose
def test_no_web_page_can_control_dagster_or_spark() -> None:
    """Neither has a log-in; the guard's own tests are in `webserver.test_guard`."""
    services = resolved(CRYPTOASSETS_ALLOWED_HOSTS="dagster.example.com")

    dagster = services["dagster-webserver"]
    assert ["python", "-m", "cryptoassets.webserver"] == dagster["command"][:3]
    hosts = dagster["environment"]["CRYPTOASSETS_ALLOWED_HOSTS"].split()
    assert ["dagster-webserver", "dagster.example.com"] == hosts
    for name in ("spark-master", "spark-worker"):
        options = services[name]["environment"]["SPARK_DAEMON_JAVA_OPTS"].split()
        assert "-Dspark.ui.killEnabled=false" in options
        assert "-Dspark.master.ui.decommission.allow.mode=DENY" in options


@needs_compose
def test_a_worker_only_gets_the_urls_of_its_own_role() -> None:
    """Its tasks need neither the driver's rights nor any other password."""
    given = resolved()["spark-worker"]["environment"]

    urls = {name: value for name, value in given.items() if "://" in value and "JAVA" not in name}
    assert {"EXECUTOR_MONGO_URL", "EXECUTOR_POSTGRES_URL"} == set(urls)
    assert {"executor:executor"} == {re.split("//|@", url)[1] for url in urls.values()}
    assert {"MONGO_URL_FILE", "POSTGRES_URL_FILE"} <= set(given)


@needs_compose
def test_drivers_wait_for_the_roles_of_their_tasks() -> None:
    """The roles are set up at each `up`; an earlier run would fail with existing volumes."""
    services = resolved()

    for name in ("postgres-init", "mongo-init"):
        wanted = services["spark-consumer"]["depends_on"][name]["condition"]
        assert "service_completed_successfully" == wanted


@needs_compose
def test_scaled_workers_have_no_conflicting_names_or_ports() -> None:
    """`--scale spark-worker=3` must work."""
    worker = resolved()["spark-worker"]

    assert not {"container_name", "hostname", "ports"} & set(worker)


def test_the_preflight_accepts_the_defaults_on_loopback_only() -> None:
    """The default passwords are for this machine only."""
    script = preflight()

    assert [] == script.problems({**script.DEFAULTS, "BIND_ADDRESS": "127.0.0.1"})
    [refusal] = script.problems({**script.DEFAULTS, "BIND_ADDRESS": "0.0.0.0"})  # noqa: S104
    assert "POSTGRES_PASSWORD" in refusal


def test_the_preflight_accepts_open_ports_with_the_users_own_passwords() -> None:
    """Otherwise nobody could open them."""
    script = preflight()
    own = {name: f"own-{number}" for number, name in enumerate(script.DEFAULTS)}

    assert [] == script.problems({**own, "BIND_ADDRESS": "192.0.2.1"})


def test_the_preflight_names_a_password_that_would_break_a_url() -> None:
    """`p@ss` in POSTGRES_URL would be read as a host."""
    script = preflight()

    [refusal] = script.problems({**script.DEFAULTS, "POSTGRES_PASSWORD": "p@ss"})
    assert "POSTGRES_PASSWORD" in refusal
    assert "p@ss" not in refusal


def test_every_variable_is_documented_with_its_default() -> None:
    """Users look for settings there, and not in the compose file."""
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text()))
    example, page = ((ROOT / name).read_text() for name in (".env.example", "docs/compose.md"))

    assert [] == [name for name, default in used.items() if f"#{name}={default}" not in example]
    assert [] == [name for name in used if f"`{name}`" not in page]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=str)
def test_hadolint_has_no_complaints(dockerfile: Path) -> None:
    """Each ignore is in the file with its reason."""
    assert complaints(tool("hadolint"), str(dockerfile)) == ""


@pytest.mark.skipif(shutil.which("dclint") is None, reason="needs dclint: npm install -g dclint")
def test_dclint_has_no_complaints() -> None:
    """Except for rules of order, because our order is deliberate."""
    assert complaints("dclint", "docker-compose.yml", *DCLINT_RULES) == ""


def test_yamllint_has_no_complaints() -> None:
    """Parsers treat duplicate keys differently."""
    files = ["docker-compose.yml", "docker/dagster/workspace.yaml", "dagster.yaml"]

    assert complaints(tool("yamllint"), "-s", "-d", YAML_RULES, *files) == ""
