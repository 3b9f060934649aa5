"""The settings have working defaults, and no error message quotes a wrong value."""

from pathlib import Path

import pytest

from cryptoassets.errors import SettingsError
from cryptoassets.project import project_root
from cryptoassets.settings import Settings, definition_settings, load_settings


def test_by_default_everything_is_embedded_and_simulated(session_home: Path) -> None:
    """A new user does not have to set anything."""
    settings = load_settings()

    assert (None, None, None) == (settings.coincap_url, settings.mongo_url, settings.postgres_url)
    assert (100, 4000) == (settings.coincap_coins, settings.coincap_monthly_credits)
    assert ("datalake", "local[*]") == (settings.mongo_database, settings.spark_master)
    assert "simulator" == settings.known_source
    assert session_home == settings.home


@pytest.mark.parametrize(
    ("url", "key", "source"),
    [
        (None, None, "simulator"),
        (None, "key", "coincap"),
        ("https://rest.coincap.io/v3", None, "coincap"),
        ("https://coincap.io", "key", "coincap"),
        ("https://coincap.io.example.org", "key", None),
        ("http://127.0.0.1:8800", None, None),
    ],
)
def test_the_settings_determine_the_source_only_if_it_is_certain(
    url: str | None, key: str | None, source: str | None
) -> None:
    """Any other server must be asked which source it serves."""
    settings = Settings(_env_file=None, coincap_url=url, coincap_api_key=key)

    assert source == settings.known_source


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("", "2026-01-01"),
        ("2023-11-14", "2023-11-14"),
        ("2023-11-14T23:00:00-03:00", "2023-11-15"),
        ("2018-01-01T07:30:00Z", "2018-01-01"),
    ],
)
def test_the_first_partition_is_the_utc_day_of_the_setting(
    monkeypatch: pytest.MonkeyPatch, text: str, day: str
) -> None:
    """The time of day is dropped. If the setting is not set, compose passes an empty value."""
    monkeypatch.setenv("CRYPTOASSETS_SINCE", text)

    assert day == f"{definition_settings().cryptoassets_since}"
    assert day == f"{load_settings().first_partition:%Y-%m-%d}"


def test_additional_hosts_do_not_replace_the_names_of_this_machine() -> None:
    """A browser on this machine must always have access."""
    settings = Settings(_env_file=None, cryptoassets_allowed_hosts="dagster-webserver *.lan")

    this_machine = ("localhost", "127.0.0.1", "[::1]")
    assert this_machine == Settings(_env_file=None).allowed_hosts
    assert (*this_machine, "dagster-webserver", "*.lan") == settings.allowed_hosts


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("COINCAP_COINS", "0"),
        ("CRYPTOASSETS_SINCE", "2017-12-31"),
        ("CRYPTOASSETS_SINCE", "2999-01-01"),
        ("CRYPTOASSETS_SINCE", "yesterday"),
        ("COINCAP_COINS", "planted"),
        ("COINCAP_MONTHLY_CREDITS", "-1"),
        ("COINCAP_API_KEY", "planted\nkey"),
        ("COINCAP_API_KEY", "plantedkéy"),
        ("POSTGRES_URL", "planted"),
        ("POSTGRES_URL", "mysql://me:planted@host/base"),
        ("POSTGRES_URL", "postgresql://me:planted@host"),
        ("POSTGRES_URL", "postgresql://me@host:planted/base"),
        ("POSTGRES_URL", "postgresql://me:%planted@host/base"),
        ("POSTGRES_URL", "postgresql://me:a@planted@host:5432/base"),
        ("POSTGRES_URL", "postgresql://me:a/planted@host:5432/base"),
        ("MONGO_URL", "planted:27017"),
        ("MONGO_URL", "mongodb://me:a@planted@host:27017/"),
        ("MONGO_URL", "mongodb://me:a:planted@host:27017/"),
        ("COINCAP_URL", "planted/v3"),
        ("COINCAP_URL", "https://planted@rest.coincap.io/v3"),
        ("COINCAP_URL", "https://me:planted@rest.coincap.io/v3"),
        ("COINCAP_URL", "https://me:a/planted@rest.coincap.io/v3"),
        ("COINCAP_URL", "https://rest.coincap.io/v3?apiKey=planted"),
        ("COINCAP_URL", "https://rest.coincap.io?planted"),
        ("COINCAP_URL", "https://rest.coincap.io/v3#planted"),
        ("SPARK_MASTER", "planted:7077"),
        ("CRYPTOASSETS_ALLOWED_HOSTS", "*"),
        ("CRYPTOASSETS_ALLOWED_HOSTS", "localhost http://planted"),
        ("CRYPTOASSETS_ALLOWED_HOSTS", "planted:3000"),
        ("CRYPTOASSETS_ALLOWED_HOSTS", "pla*nted.example.com"),
        ("SPARK_MASTER", "sc://planted:15002/;token=x"),
        ("MONGO_DATABASE", "planted.v2"),
        ("MONGO_DATABASE", "planted" * 10),
        ("CLEAN_PATH", "s3a://planted/clean"),
        ("CLEAN_PATH", "gs://planted/clean"),
        ("CLEAN_PATH", "/planted/{a,b}"),
        ("CRYPTOASSETS_HOME", "/planted[1]/home"),
        ("CRYPTOASSETS_HOME", "/planted,two"),
        ("CRYPTOASSETS_HOME", "/planted*"),
        ("CRYPTOASSETS_HOME", "/planted?"),
        ("CRYPTOASSETS_HOME", "/planted{}"),
        ("CRYPTOASSETS_HOME", "/planted\\home"),
        ("CRYPTOASSETS_HOME", '/planted"home'),
        ("CRYPTOASSETS_HOME", "/planted\nhome"),
    ],
)
def test_an_error_names_the_setting_but_does_not_quote_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A misread URL may contain part of a password."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=rf"Wrong setting: {variable}: .*\.env") as caught:
        load_settings()

    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://admin:admin@postgres:5432/bigdata_db",
        "postgres://admin@[::1]/bigdata_db",
        "postgresql:///bigdata_db?host=/var/run/postgresql",
        "postgresql://me:p%40ss%2Fword@one:5432,two:5432/base?sslmode=require",
    ],
)
def test_urls_that_libpq_accepts_are_accepted(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """URLs can contain a socket, an IPv6 address, several hosts, or options."""
    monkeypatch.setenv("POSTGRES_URL", url)

    named = load_settings().postgres_url

    assert named is not None
    assert url == named.get_secret_value()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MONGO_URL", "mongodb://admin:admin@mongo:27017/?authSource=admin"),
        ("MONGO_URL", "mongodb+srv://me:p%40ss@cluster.example.org/base?w=majority"),
        ("MONGO_URL", "mongodb://[::1]:27017,two"),
        ("COINCAP_URL", "http://coincap-simulator:8800"),
        ("SPARK_MASTER", "local"),
        ("SPARK_MASTER", "local[2, 4]"),
        ("SPARK_MASTER", "spark://one:7077,two:7077"),
        ("SPARK_MASTER", "k8s://https://host:6443"),
        ("MONGO_DATABASE", "lake-2_é"),
        ("CLEAN_PATH", "hdfs://host:8020/clean"),
        ("CLEAN_PATH", "file:///var/clean"),
        ("CLEAN_PATH", "clean files"),
    ],
)
def test_values_that_the_stores_and_spark_accept_are_accepted(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Our own checks must not be stricter than the stores and Spark."""
    monkeypatch.setenv(variable, value)

    load_settings()


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose passes `${COINCAP_API_KEY:-}`, which is empty if the user has no key."""
    monkeypatch.setenv("COINCAP_API_KEY", "")
    monkeypatch.setenv("POSTGRES_URL", "")

    settings = load_settings()

    assert (None, None) == (settings.coincap_api_key, settings.postgres_url)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings object may appear in a log or a traceback."""
    monkeypatch.setenv("COINCAP_API_KEY", "planted-key")
    monkeypatch.setenv("POSTGRES_URL", "postgresql://me:planted@host/base")
    monkeypatch.setenv("MONGO_URL", "mongodb://me:planted@host")

    settings = load_settings()

    assert "planted" not in repr(settings) + str(settings)


def test_the_root_is_the_checkout_whatever_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.env` and `dagster.yaml` are found from anywhere."""
    monkeypatch.chdir(tmp_path)

    assert (project_root() / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("variable", "value", "remedy"),
    [
        ("MONGO_DATABASE", "my lake.v2", "letters, digits, hyphens and underscores, such as datal"),
        ("CRYPTOASSETS_HOME", "/data[1]/home", r"path with \[ \]\. Choose a folder without it"),
        ("CLEAN_PATH", "s3a://bucket/clean", "a folder that driver and workers share"),
        ("SPARK_MASTER", "sc://host:15002", r"local\[\*\] or spark://host:7077; Spark Connect"),
    ],
)
def test_an_unsupported_value_is_refused_and_a_supported_one_is_suggested(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, remedy: str
) -> None:
    """Each value used to fail in the middle of a run with MongoDB's, Hadoop's or Spark's error."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=rf"{variable}: .*{remedy}"):
        load_settings()


def test_a_checkout_in_a_folder_that_spark_misreads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The home is inside the checkout, unless CRYPTOASSETS_HOME names another folder."""
    (tmp_path / "data[1]").mkdir()
    monkeypatch.chdir(tmp_path / "data[1]")
    monkeypatch.setattr("cryptoassets.project.checkout", Path.cwd)
    monkeypatch.delenv("CRYPTOASSETS_HOME")

    with pytest.raises(SettingsError, match="CRYPTOASSETS_HOME: Spark cannot read a path"):
        load_settings()
