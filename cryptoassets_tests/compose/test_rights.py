"""Each service in `docker-compose.yml` gets only the secrets, rights and networks that it needs."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from cryptoassets_tests.compose.compose_file import needs_compose, resolved, resolved_file
from cryptoassets_tests.compose.scripts import import_script


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


@needs_compose
def test_every_service_waits_for_the_preflight() -> None:
    """A service that did not wait would open its port before the passwords are checked."""
    services = resolved()

    def waits(name: str) -> bool:
        before = services[name].get("depends_on", {})
        return "preflight" in before or any(waits(other) for other in before)

    assert {"preflight"} == {name for name in services if not waits(name)}


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
    """Dagster and Spark have no log-in. `webserver.test_guard` tests the guard of Dagster."""
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


def test_the_preflight_accepts_the_defaults_on_loopback_only() -> None:
    """The default passwords are for this machine only."""
    script = preflight()

    assert [] == script.problems({**script.DEFAULTS, "BIND_ADDRESS": "127.0.0.1"})
    [refusal] = script.problems({**script.DEFAULTS, "BIND_ADDRESS": "0.0.0.0"})  # noqa: S104
    assert "POSTGRES_PASSWORD" in refusal


def test_the_preflight_accepts_open_ports_with_the_users_own_passwords() -> None:
    """Users may open ports after they have replaced the default passwords."""
    script = preflight()
    own = {name: f"own-{number}" for number, name in enumerate(script.DEFAULTS)}

    assert [] == script.problems({**own, "BIND_ADDRESS": "192.0.2.1"})


def test_the_preflight_names_a_password_that_would_break_a_url() -> None:
    """In POSTGRES_URL, the part of `p@ss` after the @ would be read as the host."""
    script = preflight()

    [refusal] = script.problems({**script.DEFAULTS, "POSTGRES_PASSWORD": "p@ss"})
    assert "POSTGRES_PASSWORD" in refusal
    assert "p@ss" not in refusal


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
    """With such a file, the secret is not even in `.env`."""
    file = resolved_file(**{variable: str(tmp_path / "mine")})

    assert str(tmp_path / "mine") == file["secrets"][name]["file"]
    assert name in {one["source"] for one in file["services"]["preflight"]["secrets"]}
    environment = file["services"]["spark-consumer"]["environment"]
    assert f"/run/cryptoassets/{name}" == environment[variable]
