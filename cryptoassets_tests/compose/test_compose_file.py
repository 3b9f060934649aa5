"""Checks of `docker-compose.yml` and its files, without a Docker daemon.

What goes here: format, defaults and ports. What stays out: the running platform (in
`test_platform`).
"""

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

from cryptoassets.project import project_root
from cryptoassets_tests.compose.platform import compose_program
from cryptoassets_tests.compose.scripts import import_script

ROOT = project_root()
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


def has_compose() -> bool:
    """Return whether compose is installed; it needs no Docker daemon to check the file."""
    if shutil.which(compose_program()[0]) is None:
        return False
    asked = subprocess.run([*compose_program(), "version"], capture_output=True, check=False)
    return asked.returncode == 0


needs_compose = pytest.mark.skipif(
    not has_compose(), reason="needs docker-compose, or Docker's client with its plugin (no daemon)"
)


def resolved(**environment: str) -> dict[str, Any]:
    """Return the services as compose resolves them without a `.env`."""
    services: dict[str, Any] = resolved_file(**environment)["services"]
    return services


def resolved_file(**environment: str) -> dict[str, Any]:
    """Return the whole file as compose resolves it without a `.env`."""
    answer = subprocess.run(
        [*compose_program(), "--env-file", os.devnull, "config"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    file: dict[str, Any] = yaml.safe_load(answer.stdout)
    return file


def passwords(**environment: str) -> dict[str, str]:
    """Return the passwords that compose passes to the preflight."""
    text = resolved_file(**environment)["configs"]["passwords"]["content"]
    found: dict[str, str] = preflight().read_settings(text)
    return found


def preflight() -> ModuleType:
    """Import the script that checks and distributes the passwords before any service starts."""
    return import_script("preflight/preflight.py")


def files_of(volume: str) -> dict[str, str]:
    """Return the files that the preflight writes into a volume, with default passwords."""
    script = preflight()
    given = {**script.DEFAULTS, "COINCAP_API_KEY": "", "CRYPTOASSETS_ALERT_URLS": ""}
    found: dict[str, str] = script.files(given, {"POSTGRES": "own", "SPARK": "own"})[volume]
    return found


def tool(name: str) -> str:
    """Return the path of a tool from the dependency group `dev`."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.skip(f"needs {name} from the dev group: make setup-dev")
    return str(path)


def complaints(*command: str) -> str:
    """Return a linter's output; empty if it has no complaints."""
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr if ended.returncode else ""


@needs_compose
def test_compose_accepts_the_file_without_a_dotenv_and_without_warnings() -> None:
    """Without a .env, the first thing new users see must not be a warning about a variable."""
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
def test_every_service_waits_for_the_preflight() -> None:
    """Otherwise a service would open its port before the passwords are checked."""
    services = resolved()

    def waits(name: str) -> bool:
        before = services[name].get("depends_on", {})
        return "preflight" in before or any(waits(other) for other in before)

    assert {"preflight"} == {name for name in services if not waits(name)}


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
    """Otherwise the first `up` would report that the registry denied access."""
    own = {n: s for n, s in resolved().items() if s["image"].startswith("cryptoassets/")}

    assert {"never"} == {service.get("pull_policy") for service in own.values()}
    built = [service["image"] for service in own.values() if "build" in service]
    assert sorted({service["image"] for service in own.values()}) == sorted(built)


@needs_compose
def test_the_preflight_checks_every_password_in_the_compose_file() -> None:
    """A password that is not checked could still be the default while a port is open."""
    given = passwords()

    assert ("", "") == (given.pop("COINCAP_API_KEY"), given.pop("CRYPTOASSETS_ALERT_URLS"))
    assert preflight().DEFAULTS == given


@needs_compose
def test_no_service_has_a_secret_in_its_definition() -> None:
    """`docker inspect` shows the definition to everybody who may use Docker."""
    own = {name: f"planted-{name}" for name in (*preflight().DEFAULTS, "COINCAP_API_KEY")}

    file = resolved_file(**own, CRYPTOASSETS_ALERT_URLS="planted-urls")

    assert "planted" in str(file["configs"])
    assert [] == [name for name, one in file["services"].items() if "planted" in str(one)]
    readers = {name for name, one in file["services"].items() if "configs" in one}
    assert {"preflight"} == readers


@needs_compose
def test_every_service_mounts_only_its_own_secrets() -> None:
    """Other services' secrets are in other volumes, and no service can change its own."""
    file = resolved_file()
    mounted = {
        name: [one for one in service.get("volumes", ()) if "secrets-" in one.get("source", "")]
        for name, service in file["services"].items()
    }
    written = mounted.pop("preflight")

    assert {f"/secrets/{one['source'].removeprefix('secrets-')}" for one in written} == {
        one["target"] for one in written
    }
    assert all(one["read_only"] for some in mounted.values() for one in some)
    sources = {name: {one["source"] for one in some} for name, some in mounted.items()}
    assert {1} == {len(some) for some in sources.values() if some}
    for name in ("dashboard", "metrics"):
        assert {"secrets-analyst"} == sources[name]
    assert {"secrets-spark-worker"} == sources["spark-worker"]


@needs_compose
def test_a_worker_only_gets_the_urls_of_its_own_role() -> None:
    """A Spark worker's tasks need neither the driver's rights nor any other password."""
    given = resolved()["spark-worker"]["environment"]

    assert [] == [v for n, v in given.items() if "://" in v and "JAVA" not in n]
    urls = [content for content in files_of("spark-worker").values() if "://" in content]
    assert [["executor", "executor"]] * 2 == [re.split("[/:@]+", url)[1:3] for url in urls]
    assert {"MONGO_URL_FILE", "POSTGRES_URL_FILE"} <= set(given)


@needs_compose
def test_every_service_has_few_rights() -> None:
    """An attacker who takes over a service can do no more than that service."""
    services = resolved()

    assert [] == [n for n, one in services.items() if one.get("cap_drop") != ["ALL"]]
    assert [] == [n for n, one in services.items() if not one.get("pids_limit")]
    assert {"preflight", "mongo", "pgadmin"} == {n for n, s in services.items() if "cap_add" in s}
    writable = {name for name, service in services.items() if not service.get("read_only")}
    assert {
        *("preflight", "mongo", "pgadmin", "spark-worker"),
        *(name for name in services if name.startswith("airflow-")),
    } == writable


@needs_compose
def test_a_web_page_only_reaches_its_own_store() -> None:
    """Mongo Express cannot reach PostgreSQL, and pgAdmin cannot reach MongoDB.

    Neither can reach the code locations.
    """
    networks = {name: set(one.get("networks", ())) for name, one in resolved().items()}

    assert {"lake", "pages"} == networks["mongo-express"]
    assert {"warehouse", "pages"} == networks["pgadmin"] == networks["airflow-webserver"]
    in_code = {name for name, some in networks.items() if "code" in some}
    dagster = {"dagster-webserver", "dagster-daemon", "producer", "spark-consumer"}
    assert {"coincap-simulator", *dagster} == in_code
    assert [] == [name for name, some in networks.items() if "default" in some]


@needs_compose
def test_no_foreign_web_page_can_control_dagster_or_spark() -> None:
    """Neither has a log-in. `webserver.test_guard` tests the guard in front of Dagster."""
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
def test_the_dashboard_only_gets_the_url_of_the_analyst() -> None:
    """Whoever can open the dashboard may read the tables, but do nothing else."""
    given = resolved(MONGO_PORT="1", DAGSTER_PORT="23000")["dashboard"]["environment"]

    assert {"ANALYST_URL_FILE"} == {name for name in given if "URL" in name}
    [url] = files_of("analyst").values()
    assert "postgresql://analyst:analyst@postgres:5432/bigdata_db" == url
    pages = dict(page.split("=") for page in given["CRYPTOASSETS_PAGES"].split())
    assert {"dagster", "airflow", "spark", "pgadmin", "mongo-express"} == set(pages)
    assert pages["dagster"].startswith("http://localhost:23000|")


@needs_compose
def test_drivers_wait_for_the_roles_of_their_tasks() -> None:
    """Each `up` sets up the roles; on existing volumes, a run that starts earlier would fail."""
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
    """Otherwise nobody could open any port."""
    script = preflight()
    own = {name: f"own-{number}" for number, name in enumerate(script.DEFAULTS)}

    assert [] == script.problems({**own, "BIND_ADDRESS": "192.0.2.1"})


def test_the_preflight_names_a_password_that_would_break_a_url() -> None:
    """In POSTGRES_URL, the part of `p@ss` after the @ would be read as the host."""
    script = preflight()

    [refusal] = script.problems({**script.DEFAULTS, "POSTGRES_PASSWORD": "p@ss"})
    assert "POSTGRES_PASSWORD" in refusal
    assert "p@ss" not in refusal


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
    """For example, YAML parsers differ in how they treat duplicate keys."""
    files = ["docker-compose.yml", "docker/dagster/workspace.yaml", "dagster.yaml"]

    assert complaints(tool("yamllint"), "-s", "-d", YAML_RULES, *files) == ""


@needs_compose
def test_metrics_gets_only_the_url_of_the_read_only_role() -> None:
    """The service has no log-in, so whoever breaks into it must not be able to write."""
    environment = resolved()["metrics"]["environment"]

    assert {"ANALYST_URL_FILE"} == {name for name in environment if "URL" in name}


@needs_compose
@pytest.mark.parametrize(
    ("variable", "name"),
    [("CRYPTOASSETS_ALERT_URLS_FILE", "alert-urls"), ("COINCAP_API_KEY_FILE", "coincap-api-key")],
)
def test_a_users_secret_can_come_from_a_file(tmp_path: Path, variable: str, name: str) -> None:
    """Then the secret is not even in `.env`."""
    file = resolved_file(**{variable: str(tmp_path / "mine")})

    assert str(tmp_path / "mine") == file["secrets"][name]["file"]
    assert name in {one["source"] for one in file["services"]["preflight"]["secrets"]}
    environment = file["services"]["spark-consumer"]["environment"]
    assert f"/run/cryptoassets/{name}" == environment[variable]
