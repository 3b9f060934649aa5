"""If a store is unreachable or unsuitable, the user sees one sentence that names the remedy."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from psycopg import sql

from cryptoassets.embedded import Stack
from cryptoassets.embedded.processes import free_port
from cryptoassets.migrations import HEAD
from cryptoassets_tests.e2e.homes import Home
from cryptoassets_tests.e2e.platforms import MakePlatform, Platform, administer

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


@pytest.fixture(scope="module")
def shared(make_platform: MakePlatform) -> Iterator[Platform]:
    """Empty stores and a simulator."""
    with make_platform() as platform:
        yield platform


@pytest.mark.parametrize("verb", ["run", "audit", "status"])
def test_an_unreachable_postgresql_is_reported_in_one_sentence(shared: Platform, verb: str) -> None:
    """PostgreSQL also stores Dagster's runs, so no run can start."""
    port = free_port()
    gone = shared.with_settings(POSTGRES_URL=f"postgresql://me:planted@127.0.0.1:{port}/bigdata_db")

    finished = gone.command(verb)

    assert 1 == finished.code
    assert f"127.0.0.1:{port}" in finished.text
    assert "retry" in finished.text
    assert "Traceback" not in finished.text
    assert "planted" not in finished.text


@pytest.mark.parametrize("verb", ["run", "audit", "status"])
def test_a_database_of_newer_code_is_reported_in_one_sentence(shared: Platform, verb: str) -> None:
    """The code may be an older checkout, or only one of two code locations was updated."""
    move = "UPDATE warehouse.alembic_version SET version_num = %s"
    # A separate URL, because a process checks each URL only once.
    unseen = shared.with_settings(
        POSTGRES_URL=f"{shared.stores.postgres_url}?application_name={verb}"
    )
    shared.stores.rows(move, "9999")

    finished = unseen.command(verb)
    shared.stores.rows(move, HEAD)

    assert 1 == finished.code
    assert "is at revision 9999, which is unknown here" in finished.text
    assert "docker-compose up -d --build" in finished.text
    assert "Traceback" not in finished.text


@pytest.mark.parametrize(
    ("encoding", "done_before", "code", "words"),
    [
        ("LATIN1", "SELECT 1", 2, "has the encoding LATIN1, which cannot store every coin"),
        (
            "UTF8",
            "ALTER DATABASE {} SET default_transaction_read_only = on",
            1,
            "is read-only for this role. Nothing was written and a retry will not help",
        ),
        (
            "UTF8",
            "CREATE SCHEMA warehouse CREATE TABLE coins (x int)",
            1,
            "already has warehouse.coins, which this platform did not create",
        ),
    ],
)
def test_an_unsuitable_database_is_refused_before_any_write(
    shared: Platform, stack: Stack, encoding: str, done_before: str, code: int, words: str
) -> None:
    """Such a database once stored a name with an emoji wrongly, and every check passed."""
    name = f"unfit_{uuid.uuid4().hex[:8]}"
    create = f"CREATE DATABASE {{}} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
    administer(stack, create, name)
    url = shared.stores.postgres_url.replace(shared.stores.mongo_database, name)
    unfit = replace(shared.stores, postgres_url=url)
    unfit.rows(sql.SQL(done_before).format(sql.Identifier(name)))
    tables = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND oid > 16383"
    before, documents = unfit.rows(tables), shared.stores.documents()

    finished = shared.with_settings(POSTGRES_URL=url).command("run")

    assert code == finished.code, finished.text
    assert words in finished.text
    assert "Traceback" not in finished.text
    assert (before, documents) == (unfit.rows(tables), shared.stores.documents())
    administer(stack, "DROP DATABASE {} WITH (FORCE)", name)


def test_an_unreachable_mongodb_is_reported_in_one_sentence(shared: Platform) -> None:
    """The sentence contains the address but no password; `--debug` adds the traceback."""
    port = free_port()
    gone = shared.settings | {"MONGO_URL": f"mongodb://me:planted@127.0.0.1:{port}"}
    home = Home(shared.stores.clean.parent)

    with ThreadPoolExecutor() as pool:
        verbs = (["audit"], ["--debug", "audit"])
        short, full = pool.map(lambda verb: home.command(*verb, **gone), verbs)

    assert (1, 1) == (short.code, full.code)
    assert (
        f"Error: MongoDB at 127.0.0.1:{port} does not answer. A retry may help; otherwise start "
        in (short.text)
    )
    assert ["Error:"] == [line[:6] for line in short.text.splitlines()]
    assert "Traceback" in full.text
    assert "planted" not in short.text + full.text
