"""The data lake's server: which program is used, and what is reported to the user."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import neosqlite
import psutil
import pymongo
import pytest

from cryptoassets.embedded import Stack
from cryptoassets.embedded.mongo import STAND_IN_SENTENCE
from cryptoassets.errors import EmbeddedError
from cryptoassets_tests.embedded import servers

pytestmark = pytest.mark.mongo
MakeStack = Callable[..., Stack]

# Replaces mongod and accepts its options, so that a test can read them from a real process.
MONGOD = """#!{python}
import socket, sys, time
options = dict(zip(sys.argv[1::1], sys.argv[2::1]))
server = socket.create_server((options["--bind_ip"], int(options["--port"])))
time.sleep(600)
"""


@pytest.fixture
def mongod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put our replacement for `mongod` on PATH."""
    program = tmp_path / "bin" / "mongod"
    program.parent.mkdir()
    program.write_text(MONGOD.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


@pytest.fixture
def no_mongod(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make sure that no `mongod` is on PATH."""
    monkeypatch.setenv("PATH", "/nowhere")


def test_the_stand_in_is_reported_once(
    make_stack: MakeStack, messages: list[str], no_mongod: None
) -> None:
    """A user who measures the data lake must know that it is not MongoDB."""
    stack = make_stack()

    stack.mongo_url()
    stack.mongo_url()

    assert [STAND_IN_SENTENCE] == messages


def test_the_stand_in_keeps_all_files_below_home(
    home: Path, make_stack: MakeStack, no_mongod: None
) -> None:
    """By default, the stand-in nx-27017 writes to /tmp, which is shared and emptied at boot."""
    stack = make_stack()
    for number in range(50):
        servers.insert_document(stack, number)
    assert 50 == len(servers.inserted_documents(stack))

    process = psutil.Process(servers.running_pid(stack, "mongo"))

    opened = [Path(file.path) for file in process.open_files()]
    assert opened
    assert [] == [file for file in opened if not file.is_relative_to(home)]
    assert 0o700 == (home / "mongo" / "nx-27017").stat().st_mode & 0o777


def test_the_stand_in_finds_documents_by_date_with_an_index(
    home: Path, make_stack: MakeStack, no_mongod: None
) -> None:
    """Without the index, each query by date would read the whole collection."""
    stack = make_stack()
    end = datetime(2026, 1, 1, tzinfo=UTC)
    with pymongo.MongoClient(stack.mongo_url(), tz_aware=True) as client:
        prices = client["lake"]["prices"]
        prices.insert_many([{"at": end - timedelta(hours=n)} for n in range(100)])
        stack.index_dates("lake", {"prices": "at"})
        stack.index_dates("lake", {"prices": "at"})
        prices.insert_many([{"at": end + timedelta(hours=1)}, {"at": "yesterday"}, {}])

        found = list(prices.find({"at": {"$gte": end}}))

    assert [end, end + timedelta(hours=1)] == [document["at"] for document in found]
    file = home / "mongo" / "nx-27017" / "lake.db"
    for query in _queries_of(file, "prices", {"at": {"$gte": end.replace(tzinfo=None)}}):
        with closing(sqlite3.connect(file)) as connection:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
        assert "USING INDEX cryptoassets_prices_at" in plan[0][3], query


def _queries_of(file: Path, collection: str, query: dict[str, Any]) -> list[str]:
    """Return the SQL with which nx-27017 counts and finds the documents of a query."""
    statements: list[str] = []
    with closing(neosqlite.Connection(str(file))) as connection:
        prices = connection[collection]
        connection.db.set_trace_callback(statements.append)
        prices.count_documents(query)
        list(prices.find(query))
    return [one for one in statements if one.startswith("SELECT") and collection in one]


def test_mongod_on_path_is_preferred_and_bound_to_loopback(
    make_stack: MakeStack, messages: list[str], mongod: Path
) -> None:
    """The stand-in is only for machines without MongoDB."""
    stack = make_stack()
    stack.mongo_url()

    command = psutil.Process(servers.running_pid(stack, "mongo")).cmdline()

    assert str(mongod) in command
    assert "127.0.0.1" == command[command.index("--bind_ip") + 1]
    assert "--nounixsocket" in command
    assert [] == messages


def test_a_set_of_stores_keeps_using_the_program_that_created_it(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch, mongod: Path
) -> None:
    """Another program would show an empty data lake next to a full warehouse."""
    stack = make_stack()
    stack.mongo_url()
    stack.down()
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(EmbeddedError, match=r"written by mongod.*down --erase"):
        make_stack().mongo_url()
