"""Shared by all tests: an environment without the user's settings, and real servers.

What goes here: fixtures that all packages use. What stays out: rows and documents (each package
creates its own). The servers are those of the embedded mode; each starts once per session, when a
test first needs it. Resources read the settings only when they are used, so tests configure
resources with `monkeypatch.setenv`.
"""

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource
from pyspark.sql import SparkSession

from cryptoassets.embedded import Stack
from cryptoassets.environment import is_read_by_libpq
from cryptoassets.project import project_root
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.spark import SparkResource, _jvms
from cryptoassets.settings import Settings
from cryptoassets.stores.mongodb import Lake
from cryptoassets_tests.distribution import pytest_xdist_make_scheduler
from cryptoassets_tests.resources.postgres_fixtures import (
    analyst_url,
    database,
    empty_database,
    migrated_template,
    postgres,
    postgres_url_of,
)

__all__ = [
    "analyst_url",
    "database",
    "empty_database",
    "migrated_template",
    "postgres",
    "postgres_url_of",
    "pytest_xdist_make_scheduler",
]

SETTINGS_OF_THE_USER = (
    *(name.upper() for name in Settings.model_fields if name != "cryptoassets_home"),
    "DAGSTER_HOME",
)


SINCE = "2018-01-01"
"""The first partition in all tests; recorded responses are older than the default one."""
# Set now, because another conftest may import `partitions`, which then defines the partitions.
os.environ["CRYPTOASSETS_SINCE"] = SINCE


def pytest_configure() -> None:
    """Handle SIGINT even in a script's background job, for which the shell ignores SIGINT.

    If SIGINT is ignored, Dagster ignores SIGTERM as well. The servers that tests start would
    inherit both, so that only SIGKILL could end them.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def session_home() -> Iterator[Path]:
    """CRYPTOASSETS_HOME of the session; the user's own settings are removed."""
    # Not in pytest's folder: if root runs the tests, PostgreSQL runs as another user, who cannot
    # enter that folder.
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-tests-", dir="/var/tmp"))
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        for name in (*SETTINGS_OF_THE_USER, *filter(is_read_by_libpq, list(os.environ))):
            patch.delenv(name, raising=False)
        patch.setenv("CRYPTOASSETS_HOME", str(folder))
        patch.setenv("CRYPTOASSETS_SINCE", SINCE)
        patch.setattr(Settings, "settings_customise_sources", classmethod(_without_users_file))
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _without_users_file(
    _cls: type[BaseSettings],
    _settings_cls: type[BaseSettings],
    *sources: PydanticBaseSettingsSource,
    **named_sources: PydanticBaseSettingsSource,
) -> tuple[PydanticBaseSettingsSource, ...]:
    """Ignore the checkout's own `.env`; a file that a test names is still read."""
    users_file = project_root() / ".env"
    return tuple(
        source
        for source in (*sources, *named_sources.values())
        if not (isinstance(source, DotEnvSettingsSource) and source.env_file == users_file)
    )


@pytest.fixture(scope="session")
def stack(session_home: Path) -> Iterator[Stack]:
    """The session's embedded servers; each starts when its URL is first requested."""
    # A MongoDB to use instead of the embedded one; each test has its own database there. See
    # `make test-compose`.
    test_mongo_url = os.environ.get("CRYPTOASSETS_TEST_MONGO_URL")
    lake = {"mongo_url": SecretStr(test_mongo_url)} if test_mongo_url else {}
    stack = Stack(Settings(_env_file=None, cryptoassets_home=session_home, **lake))
    yield stack
    # If root runs the tests, PostgreSQL's data may be outside the home that is deleted afterwards.
    stack.down(erase=True)


@pytest.fixture
def mongo(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[MongoResource]:
    """The MongoDB resource, with a separate database for the test."""
    monkeypatch.setenv("MONGO_URL", stack.mongo_url())
    monkeypatch.setenv("MONGO_DATABASE", f"lake_{uuid.uuid4().hex[:8]}")
    resource = MongoResource()
    lake = resource.lake()
    yield resource
    lake.client.drop_database(lake.name)
    lake.client.close()


@pytest.fixture
def lake(mongo: MongoResource) -> Lake:
    """An empty data lake."""
    return mongo.lake()


@pytest.fixture
def clean_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the cleaned Parquet files."""
    folder = tmp_path / "clean"
    monkeypatch.setenv("CLEAN_PATH", str(folder))
    return folder


@pytest.fixture(scope="session")
def spark(session_home: Path) -> Iterator[SparkResource]:
    """The Spark resource; its session is created once for all tests and stopped at the end."""
    resource = SparkResource()
    yield resource
    active = SparkSession.getActiveSession()
    if active is not None:
        active.stop()
    # Otherwise Python warns when it exits that the JVM is still running.
    for jvm in _jvms:
        jvm.end()


@pytest.fixture(scope="session")
def session(spark: SparkResource) -> SparkSession:
    """The running Spark session."""
    return spark.session
