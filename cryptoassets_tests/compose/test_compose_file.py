"""What `docker-compose.yml` and its files promise, judged without a daemon.

What goes here: form, defaults and ports. What stays out: a platform that runs (in `test_platform`).
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
# Long lines are URLs and health checks; a document start says nothing in a file of one.
YAML_RULES = (
    "{extends: default, rules: {line-length: disable, document-start: disable, "
    "braces: {max-spaces-inside: 0}}}"
)
# Rules of order; two that do not know a tag beside a build, or a variable as an interface; two that
# take a list on one line for something else.
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
    """Tell whether compose can be asked; that needs no daemon."""
    if shutil.which(compose_program()[0]) is None:
        return False
    asked = subprocess.run([*compose_program(), "version"], capture_output=True, check=False)
    return asked.returncode == 0


needs_compose = pytest.mark.skipif(
    not has_compose(), reason="needs docker-compose, or Docker's client with its plugin (no daemon)"
)


def resolved(**environment: str) -> dict[str, Any]:
    """The services as compose sees them without a `.env`."""
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
    """The script, which is no part of a package."""
    path = ROOT / "docker/preflight/preflight.py"
    spec = importlib.util.spec_from_file_location("preflight", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tool(name: str) -> str:
    """The path of a tool of the dev group."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"needs {name} of the dev group: make setup-dev")
    return str(path)


def complaints(*command: str) -> str:
    """What a linter prints; empty when it has nothing to say."""
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


@needs_compose
def test_compose_accepts_the_file_without_a_dotenv_and_says_nothing() -> None:
    """A newcomer has no .env; a warning about an unset variable would be the first thing seen."""
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
def test_every_port_is_the_contracts_and_on_loopback() -> None:
    """Dagster and Spark have no log-in at all, the others a password that everybody knows."""
    published = {
        name: [(port["host_ip"], port["published"]) for port in service["ports"]]
        for name, service in resolved().items()
        if "ports" in service
    }

    assert {name: [("127.0.0.1", port)] for name, port in CONTRACT_PORTS.items()} == published


@needs_compose
def test_what_has_no_log_in_stays_on_loopback_whatever_is_asked_for() -> None:
    """BIND_ADDRESS opens what asks for a password, nothing else."""
    services = resolved(BIND_ADDRESS="0.0.0.0")  # noqa: S104

    on_loopback = {
        name
        for name, service in services.items()
        if any(port["host_ip"] == "127.0.0.1" for port in service.get("ports", ()))
    }
    assert WITHOUT_LOG_IN == on_loopback


@needs_compose
def test_every_service_rotates_its_log_and_has_a_memory_limit() -> None:
    """One service without either can fill the disk or take the machine."""
    services = resolved()

    without = {
        name
        for name, service in services.items()
        if not service.get("mem_limit") or "max-size" not in service["logging"]["options"]
    }
    assert set() == without


@needs_compose
def test_every_service_waits_for_the_preflight() -> None:
    """One that does not would open its port before the passwords were judged."""
    services = resolved()

    def waits(name: str) -> bool:
        before = services[name].get("depends_on", {})
        return "preflight" in before or any(waits(other) for other in before)

    assert {"preflight"} == {name for name in services if not waits(name)}


@needs_compose
def test_the_preflight_has_an_image_that_a_change_of_the_code_leaves_alone() -> None:
    """Everything depends on it: with the platform's image every `up --build` renewed databases."""
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
def test_no_registry_is_asked_for_our_own_images() -> None:
    """The first `up` asked for them and told of an access that was denied."""
    ours = {n: s for n, s in resolved().items() if s["image"].startswith("cryptoassets/")}

    assert {"never"} == {service.get("pull_policy") for service in ours.values()}
    built = [service["image"] for service in ours.values() if "build" in service]
    assert sorted({service["image"] for service in ours.values()}) == sorted(built)


@needs_compose
def test_the_preflight_knows_every_password_of_the_file() -> None:
    """A password it has not heard of could stand at its default while a port is open."""
    given = resolved()["preflight"]["environment"]

    given.pop("BIND_ADDRESS")
    assert preflight().DEFAULTS == given


@needs_compose
def test_no_web_page_can_drive_dagster_or_spark() -> None:
    """Neither has a log-in; the guard's own promises are in `webserver.test_guard`."""
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
def test_a_worker_knows_urls_of_its_own_role_only() -> None:
    """Its tasks need neither the driver's rights nor anybody else's password."""
    given = resolved()["spark-worker"]["environment"]

    urls = {name: value for name, value in given.items() if "://" in value and "JAVA" not in name}
    assert {"EXECUTOR_MONGO_URL", "EXECUTOR_POSTGRES_URL"} == set(urls)
    assert {"executor:executor"} == {re.split("//|@", url)[1] for url in urls.values()}
    assert {"MONGO_URL_FILE", "POSTGRES_URL_FILE"} <= set(given)


@needs_compose
def test_drivers_wait_for_the_roles_of_their_tasks() -> None:
    """Their jobs run at each `up`; a run between would fail on a server with existing volumes."""
    services = resolved()

    for name in ("postgres-init", "mongo-init"):
        wanted = services["spark-consumer"]["depends_on"][name]["condition"]
        assert "service_completed_successfully" == wanted


@needs_compose
def test_scaled_workers_have_no_name_or_port_to_fight_over() -> None:
    """`--scale spark-worker=3` must work."""
    worker = resolved()["spark-worker"]

    assert not {"container_name", "hostname", "ports"} & set(worker)


def test_the_preflight_lets_the_defaults_pass_on_loopback_only() -> None:
    """The passwords of the defaults are for this machine."""
    script = preflight()

    assert [] == script.problems({**script.DEFAULTS, "BIND_ADDRESS": "127.0.0.1"})
    [refusal] = script.problems({**script.DEFAULTS, "BIND_ADDRESS": "0.0.0.0"})  # noqa: S104
    assert "POSTGRES_PASSWORD" in refusal


def test_the_preflight_lets_ports_be_opened_behind_passwords_of_the_users_own() -> None:
    """Else nobody could ever open them."""
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
    """Whoever needs another port or password looks there, not into the file."""
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "docker-compose.yml").read_text()))
    example, page = ((ROOT / name).read_text() for name in (".env.example", "docs/compose.md"))

    assert [] == [name for name, default in used.items() if f"#{name}={default}" not in example]
    assert [] == [name for name in used if f"`{name}`" not in page]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=str)
def test_hadolint_has_nothing_to_say(dockerfile: Path) -> None:
    """Each ignore stands in the file with its reason."""
    assert complaints(tool("hadolint"), str(dockerfile)) == ""


@pytest.mark.skipif(shutil.which("dclint") is None, reason="needs dclint: npm install -g dclint")
def test_dclint_has_nothing_to_say() -> None:
    """Its rules of order are for files without a thought behind theirs."""
    assert complaints("dclint", "docker-compose.yml", *DCLINT_RULES) == ""


def test_yamllint_has_nothing_to_say() -> None:
    """Doubled keys are read by no parser the same way."""
    files = ["docker-compose.yml", "docker/dagster/workspace.yaml", "dagster.yaml"]

    assert complaints(tool("yamllint"), "-s", "-d", YAML_RULES, *files) == ""
