"""What must hold after each attack, whether or not it hit a process.

What goes here: reading the stores before and after, and comparing. What stays out: carrying out the
attack (in `campaign`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from cryptoassets_tests.faults.attacks import RETENTION_DAYS
from cryptoassets_tests.faults.home import FaultHome
from cryptoassets_tests.faults.victims import await_no_process

ENDED = "the command ends within 90 s of the kill"
NEXT = "the next run needs no human and exits 0"
AUDIT = "audit finds no difference: nothing lost, doubled or stale"
LOST = "no raw document is lost"
UNCHANGED = "earlier partitions are unchanged"
OPEN = "no Dagster run stays open"
ORPHANS = "no process is left over"
LEFTOVERS = "no staging table or scratch file is left over"
READERS = "no reader sees half a publication"
PROMISES = (ENDED, NEXT, AUDIT, LOST, UNCHANGED, OPEN, ORPHANS, LEFTOVERS, READERS)

KEPT = ""
"""Verdict on a promise that holds; any other verdict describes the violation."""

_ORPHAN_SECONDS = 40.0
"""How long processes may take to end: Dagster's code server ends 30 s after its parent's kill."""
# A run that has not started counts as open only after `dead_runs.START_LIMIT` without updates.
_OPEN_RUNS = """
    SELECT run_id, status FROM runs
    WHERE status IN ('STARTED', 'CANCELING') OR (
        status IN ('NOT_STARTED', 'QUEUED', 'STARTING')
        AND update_timestamp < (now() AT TIME ZONE 'UTC') - interval '330 seconds')
"""
_PARTITIONS = """
    SELECT 'prices ' || to_char(date_trunc('hour', observed_at), 'YYYY-MM-DD HH24'),
        md5(string_agg(prices::text, chr(10) ORDER BY coin_id, observed_at))
    FROM warehouse.coin_prices AS prices GROUP BY 1
    UNION ALL
    SELECT 'history ' || to_char(date_trunc('day', observed_at), 'YYYY-MM-DD ') || coin_id,
        md5(string_agg(points::text, chr(10) ORDER BY interval, observed_at))
    FROM warehouse.coin_price_history AS points GROUP BY 1
    UNION ALL
    SELECT 'rates ' || to_char(date_trunc('hour', observed_at), 'YYYY-MM-DD HH24'),
        md5(string_agg(rates::text, chr(10) ORDER BY currency, observed_at))
    FROM warehouse.fx_rates AS rates GROUP BY 1
"""
_COLLECTIONS = ("coin_snapshots", "coin_history", "rates")


@dataclass(frozen=True)
class State:
    """What the stores contain.

    Attributes:
        documents: `_id` of every raw document that retention does not delete.
        partitions: checksum of each partition's rows, except the current hour and the partitions
            that retention deletes. History has one checksum per day and coin, because `backfill`
            may add a coin to a day: one that is among the top coins only since the last snapshot.
    """

    documents: frozenset[str]
    partitions: dict[str, str]


def state_of(home: FaultHome) -> State:
    """Read the state of the stores, which must be running."""
    stores = home.stores()
    now = datetime.now(UTC)
    oldest = now - timedelta(days=RETENTION_DAYS)
    documents = {
        str(document["_id"])
        for collection in _COLLECTIONS
        for document in stores.documents(collection)
        if document["observed_at"] >= oldest
    }
    last_expired, open_hour = f"history {oldest:%Y-%m-%d}~", f"{now:%Y-%m-%d %H}"
    partitions = {
        name: checksum
        for name, checksum in stores.rows(_PARTITIONS)
        if not name.endswith(open_hour) and (name > last_expired or not name.startswith("history"))
    }
    return State(frozenset(documents), partitions)


def verdicts(home: FaultHome, before: State) -> Iterator[tuple[str, str]]:
    """Run the next command and yield each promise with its verdict.

    If this command fails, only its own verdict is yielded: all others would be meaningless.

    Args:
        home: the platform.
        before: the state before the attacks.
    """
    code, text = home.run("run")
    yield NEXT, KEPT if code == 0 else f"exit {code}: {text[-2000:]}"
    if code != 0:
        return
    code, text = home.run("audit")
    yield AUDIT, KEPT if code == 0 else f"exit {code}: {text[-2000:]}"
    after = state_of(home)
    lost = before.documents - after.documents
    yield LOST, f"{len(lost)} documents, such as {min(lost)}" if lost else KEPT
    yield (
        UNCHANGED,
        ", ".join(
            sorted(
                name
                for name, checksum in before.partitions.items()
                if after.partitions.get(name) != checksum
            )
        ),
    )
    left = await_no_process(home.folder, home.stack, _ORPHAN_SECONDS * home.pace)
    yield ORPHANS, "; ".join(map(str, left))
    yield OPEN, ", ".join(map(str, _rows(home, "dagster", _OPEN_RUNS)))
    yield LEFTOVERS, ", ".join(_leftovers(home))


def _leftovers(home: FaultHome) -> list[str]:
    tables = _rows(home, "bigdata_db", "SELECT tablename FROM pg_tables WHERE schemaname='staging'")
    scratch = list(Path(home.clean).rglob("_scratch/*"))
    spark = [
        path for path in (home.folder / "spark").rglob("*") if path.name.startswith("blockmgr")
    ]
    return [row[0] for row in tables] + [str(path) for path in (*scratch, *spark)]


def _rows(home: FaultHome, database: str, query: str) -> list[tuple[str, ...]]:
    parts = urlsplit(home.stack.postgres_url())
    with psycopg.connect(urlunsplit(parts._replace(path=f"/{database}"))) as connection:
        return connection.execute(query).fetchall()
