"""What all suites share: an environment without the user's settings, and real servers.

What goes here: fixtures of every suite. What stays out: rows and documents (each suite builds its
own). Servers are those of the embedded mode, started once a session when a test first asks.
Resources read the settings when they are used, so `monkeypatch.setenv` is the seam.
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

from cryptoassets import libpq
from cryptoassets.embedded import Stack
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.spark import SparkResource
from cryptoassets.settings import Settings, project_root
from cryptoassets.stores.mongodb import Lake
from cryptoassets_tests.resources.postgres_fixtures import (
    database,
    empty_database,
    migrated_template,
    postgres,
    postgres_url_of,
)

__all__ = ["database", "empty_database", "migrated_template", "postgres", "postgres_url_of"]

SETTINGS_OF_THE_USER = (
    *(name.upper() for name in Settings.model_fields if name != "cryptoassets_home"),
    "DAGSTER_HOME",
)


def pytest_configure() -> None:
    """Hear SIGINT in a script's background job, too: Dagster would have SIGTERM ignored as it is.

    Servers that tests start inherit that, and are waited for until SIGKILL.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def session_home() -> Iterator[Path]:
    """CRYPTOASSETS_HOME of the session; nothing else of the user's environment is left."""
    # Not pytest's folder: PostgreSQL's account may not enter that one when we are root.
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-tests-", dir="/var/tmp"))
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        for name in (*SETTINGS_OF_THE_USER, *filter(libpq.is_variable, list(os.environ))):
            patch.delenv(name, raising=False)
        patch.setenv("CRYPTOASSETS_HOME", str(folder))
        patch.setattr(Settings, "settings_customise_sources", classmethod(_without_users_file))
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _without_users_file(
    _cls: type[BaseSettings],
    _settings_cls: type[BaseSettings],
    *sources: PydanticBaseSettingsSource,
    **named_sources: PydanticBaseSettingsSource,
) -> tuple[PydanticBaseSettingsSource, ...]:
    """Pass over the checkout's own `.env`; a file that a test names is read as ever."""
    users_file = project_root() / ".env"
    return tuple(
        source
        for source in (*sources, *named_sources.values())
        if not (isinstance(source, DotEnvSettingsSource) and source.env_file == users_file)
    )


@pytest.fixture(scope="session")
def stack(session_home: Path) -> Iterator[Stack]:
    """The embedded servers of the session; each starts when its URL is first asked for."""
    # A lake elsewhere, in which a test makes databases of its own: `make test-compose` names one.
    elsewhere = os.environ.get("CRYPTOASSETS_TEST_MONGO_URL")
    lake = {"mongo_url": SecretStr(elsewhere)} if elsewhere else {}
    stack = Stack(Settings(_env_file=None, cryptoassets_home=session_home, **lake))
    yield stack
    # As root PostgreSQL's data may lie outside the folder that pytest throws away.
    stack.down(erase=True)


@pytest.fixture
def mongo(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[MongoResource]:
    """The resource, with a database of the test's own."""
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
    """The folder of the cleaned Parquet, empty."""
    folder = tmp_path / "clean"
    monkeypatch.setenv("CLEAN_PATH", str(folder))
    return folder


@pytest.fixture(scope="session")
def spark(session_home: Path) -> Iterator[SparkResource]:
    """The resource whose session is made once and serves all tests; stopped at the end."""
    resource = SparkResource()
    yield resource
    active = SparkSession.getActiveSession()
    if active is not None:
        active.stop()


@pytest.fixture(scope="session")
def session(spark: SparkResource) -> SparkSession:
    """The session itself, running."""
    return spark.session
