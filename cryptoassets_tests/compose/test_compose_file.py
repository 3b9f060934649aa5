"""Checks of `docker-compose.yml` and its files, without a Docker daemon.

What goes here: format, defaults and ports. What stays out: secrets and rights (in `test_rights`),
and the running platform (in `test_platform`).
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoassets_tests.compose.compose_file import ROOT, needs_compose, resolved
from cryptoassets_tests.compose.platform import compose_program

DOCKERFILES = sorted(path.relative_to(ROOT) for path in (ROOT / "docker").glob("*/Dockerfile"))
CONTRACT_PORTS = {
    "airflow-webserver": "8081",
    "mongo-express": "8082",
    "pgadmin": "5050",
    "spark-master": "8080",
    "postgres": "5432",
    "dagster-webserver": "3000",
    "dashboard": "8501",
    "metrics": "9464",
    "mongo": "27017",
}
# Allowed: long lines (URLs and health checks), and no `---` in a file with a single document.
YAML_RULES = (
    "{extends: default, rules: {line-length: disable, document-start: disable, "
    "braces: {max-spaces-inside: 0}}}"
)
# Disabled: rules about order, one that rejects `image` next to `build`, one that rejects a variable
# as a port's interface, and two that misread a list on one line.
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
WITHOUT_LOG_IN = {"dagster-webserver", "dashboard", "metrics", "spark-master"}


def tool(name: str) -> str:
    """Return the path of a tool from the dependency group `dev`."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"needs {name} from the dev group: make setup-dev")
    return str(path)


def complaints(*command: str) -> str:
    """Return a linter's output; empty if it has no complaints."""
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return completed.stdout + completed.stderr if completed.returncode else ""


@needs_compose
def test_compose_accepts_the_file_without_a_dotenv_and_without_warnings() -> None:
    """Without a .env, the first thing new users see must not be a warning about a variable."""
    completed = subprocess.run(
        [*compose_program(), "--env-file", os.devnull, "config", "-q"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (completed.returncode, completed.stdout + completed.stderr)


@needs_compose
def test_every_port_is_as_documented_and_only_on_loopback() -> None:
    """Some services have no log-in, and the others have publicly known default passwords."""
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
    """A single service without these limits can fill the disk or use all memory."""
    services = resolved()

    unlimited = {
        name
        for name, service in services.items()
        if not service.get("mem_limit") or "max-size" not in service["logging"]["options"]
    }
    assert set() == unlimited


@needs_compose
def test_a_code_change_does_not_change_the_preflights_image() -> None:
    """All services depend on the preflight, so `up --build` would recreate even the databases."""
    job = resolved()["preflight"]

    assert "build" not in job
    assert not job["image"].startswith("cryptoassets/")
    [script] = [volume for volume in job["volumes"] if volume["type"] == "bind"]
    assert [str(ROOT / "docker/preflight/preflight.py"), True] == [
        script["source"],
        script["read_only"],
    ]
    assert script["target"] == job["command"][-1]


@needs_compose
def test_our_own_images_are_not_pulled_from_a_registry() -> None:
    """If the first `up` tried to pull them, it would report that the registry denied access."""
    own = {n: s for n, s in resolved().items() if s["image"].startswith("cryptoassets/")}

    assert {"never"} == {service.get("pull_policy") for service in own.values()}
    built = [service["image"] for service in own.values() if "build" in service]
    assert sorted({service["image"] for service in own.values()}) == sorted(built)


@needs_compose
def test_drivers_wait_for_the_roles_of_their_tasks() -> None:
    """Each `up` sets up the roles; a run that starts before that would fail on existing volumes."""
    services = resolved()

    for name in ("postgres-init", "mongo-init"):
        wanted = services["spark-consumer"]["depends_on"][name]["condition"]
        assert "service_completed_successfully" == wanted


@needs_compose
def test_scaled_workers_have_no_conflicting_names_or_ports() -> None:
    """`--scale spark-worker=3` must work."""
    worker = resolved()["spark-worker"]

    assert not {"container_name", "hostname", "ports"} & set(worker)


def test_every_variable_is_documented_with_its_default() -> None:
    """Users look for settings in `.env.example` and in the docs, not in the compose file."""
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text()))
    example, page = ((ROOT / name).read_text() for name in (".env.example", "docs/compose.md"))

    assert [] == [name for name, default in used.items() if f"#{name}={default}" not in example]
    assert [] == [name for name in used if f"`{name}`" not in page]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=str)
def test_hadolint_has_no_complaints(dockerfile: Path) -> None:
    """Every ignored rule is named in the Dockerfile, with the reason."""
    assert complaints(tool("hadolint"), str(dockerfile)) == ""


@pytest.mark.skipif(shutil.which("dclint") is None, reason="needs dclint: npm install -g dclint")
def test_dclint_has_no_complaints() -> None:
    """The rules about order are disabled, because the file's order is deliberate."""
    assert complaints("dclint", "docker-compose.yml", *DCLINT_RULES) == ""


def test_yamllint_has_no_complaints() -> None:
    """The linter finds, for example, duplicate keys, which YAML parsers treat differently."""
    files = ["docker-compose.yml", "docker/dagster/workspace.yaml", "dagster.yaml"]

    assert complaints(tool("yamllint"), "-s", "-d", YAML_RULES, *files) == ""
