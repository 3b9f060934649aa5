"""Finds and repairs rows of `warehouse.coins` that contradict the existing prices.

What goes here: repairs that `merge_coins` cannot do. For example, when a changed rule quarantines a
coin's newest or oldest observation, the coin's row still describes that observation, because
`merge_coins` only moves `last_seen_at` forward and `first_seen_at` back. What stays out: the
ordinary update of coins (in `transforms.coins` and `stores.publishing`).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.dataset as ds
from psycopg import sql

from cryptoassets.partitions.spans import Span
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import COINS, SNAPSHOT_FLOW
from cryptoassets.stores.clean_folders import clean_rows

_HOUR = timedelta(hours=1)
_DESCRIBED = tuple(
    name for name in COINS.column_names if name != "coin_id" and not name.endswith("_at")
)

# A price that retention deleted is no contradiction: the coin keeps that first or last time.
_INCONSISTENT = """
    WITH seen AS (
        SELECT coin_id, first_seen_at, last_seen_at,
            {is_unseen_first} AS is_first_unseen, {is_unseen_last} AS is_last_unseen
        FROM warehouse.coins AS coins
    )
    SELECT coins.coin_id, coins.last_seen_at,
        CASE WHEN is_first_unseen THEN prices.first_at ELSE coins.first_seen_at END,
        CASE WHEN is_last_unseen THEN prices.last_at ELSE coins.last_seen_at END,
        (NOT is_first_unseen OR {is_first_refused}) AND (NOT is_last_unseen OR {is_last_refused})
    FROM seen AS coins, LATERAL (
        SELECT min(observed_at) AS first_at, max(observed_at) AS last_at
        FROM warehouse.coin_prices WHERE coin_id = coins.coin_id
    ) AS prices
    WHERE is_first_unseen OR is_last_unseen
    ORDER BY coins.coin_id
"""
_IS_UNSEEN = """
    NOT EXISTS (
        SELECT FROM warehouse.coin_prices
        WHERE coin_id = coins.coin_id AND observed_at = coins.{moment}
    ) AND NOT EXISTS (
        SELECT FROM warehouse.loads WHERE asset = 'warehouse/coin_prices'
        AND partition_key = to_char(coins.{moment}, 'YYYY-MM-DD-HH24:00')
        AND expired_at IS NOT NULL
    )
"""
# A document's id begins with the slug and the time, see `coincap.documents.document_id`.
_IS_REFUSED = """
    EXISTS (
        SELECT FROM warehouse.quarantine WHERE asset = 'warehouse/coin_prices'
        AND partition_key = to_char(coins.{moment}, 'YYYY-MM-DD-HH24:00')
        AND starts_with(raw_id, coins.coin_id || to_char(
            coins.{moment}, '"@"YYYY-MM-DD"T"HH24:MI:SS.MS"Z@"'
        ))
    )
"""


@dataclass(frozen=True)
class InconsistentCoin:
    """A coin without a price at its `first_seen_at` or `last_seen_at`.

    Attributes:
        stored_last_at: `last_seen_at` as it is stored.
        first_at, last_at: correct values of `first_seen_at` and `last_seen_at`; None if no price
            exists.
        is_refused: whether, for each of these two times that has no price, the document is in
            quarantine, e.g. after a rule change.
    """

    coin_id: str
    stored_last_at: datetime
    first_at: datetime | None
    last_at: datetime | None
    is_refused: bool


def inconsistent_coins(connection: psycopg.Connection[Any]) -> list[InconsistentCoin]:
    """Return coins whose price at `first_seen_at` or `last_seen_at` is missing but not expired."""
    first, last = sql.Identifier("first_seen_at"), sql.Identifier("last_seen_at")
    query = sql.SQL(_INCONSISTENT).format(
        is_unseen_first=sql.SQL(_IS_UNSEEN).format(moment=first),
        is_unseen_last=sql.SQL(_IS_UNSEEN).format(moment=last),
        is_first_refused=sql.SQL(_IS_REFUSED).format(moment=first),
        is_last_refused=sql.SQL(_IS_REFUSED).format(moment=last),
    )
    return [InconsistentCoin(*row) for row in connection.execute(query)]


def misdescribed_coins(connection: psycopg.Connection[Any]) -> list[tuple[str, list[str]]]:
    """Return coins whose columns differ from their cleaned row at `last_seen_at`.

    Returns:
        Each coin_id with the columns that differ. A coin is skipped if the hour of `last_seen_at`
        has no Parquet or no valid row of the coin at that time (see `inconsistent_coins`).
    """
    query = sql.SQL(
        "SELECT coin_id, last_seen_at, {} FROM warehouse.coins ORDER BY coin_id"
    ).format(sql.SQL(", ").join(map(sql.Identifier, _DESCRIBED)))
    coins = connection.execute(query).fetchall()
    descriptions = _descriptions({coin_id: seen for coin_id, seen, *_ in coins})
    found = []
    for coin_id, _seen, *stored in coins:
        expected = descriptions.get(coin_id)
        pairs = zip(_DESCRIBED, stored, strict=True)
        differing = [name for name, value in pairs if expected and value != expected[name]]
        if differing:
            found.append((coin_id, differing))
    return found


def repair_coins(postgres: PostgresResource) -> list[str]:
    """Update inconsistent coins from their newest existing price; delete coins without a price.

    A repaired row has the values that it would have if only the existing prices had been
    published. A coin is not changed if its columns must come from a price that has no cleaned row;
    process the hour of that price first.

    Returns:
        The ids of the repaired coins, sorted.
    """
    with postgres.connect() as connection:
        found = inconsistent_coins(connection)
        descriptions = _descriptions({coin.coin_id: coin.last_at for coin in found})
        repaired = []
        for coin in found:
            if coin.last_at is None:
                statement = "DELETE FROM warehouse.coins WHERE coin_id = %s AND last_seen_at = %s"
                connection.execute(statement, [coin.coin_id, coin.stored_last_at])
            elif coin.last_at == coin.stored_last_at or coin.coin_id in descriptions:
                _describe(connection, coin, descriptions.get(coin.coin_id, {}))
            else:
                continue
            repaired.append(coin.coin_id)
    return repaired


def _describe(
    connection: psycopg.Connection[Any], coin: InconsistentCoin, description: dict[str, Any]
) -> None:
    values = {**description, "first_seen_at": coin.first_at, "last_seen_at": coin.last_at}
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
    )
    connection.execute(
        # A newer snapshot that was published in the meantime must not be overwritten.
        sql.SQL(
            "UPDATE warehouse.coins SET {} "
            "WHERE coin_id = %(coin_id)s AND last_seen_at = %(stored_last_at)s"
        ).format(assignments),
        {**values, "coin_id": coin.coin_id, "stored_last_at": coin.stored_last_at},
    )


def _descriptions(newest: dict[str, datetime | None]) -> dict[str, dict[str, Any]]:
    """Return each coin's columns from the cleaned row of its newest price, if that row exists."""
    by_hour: dict[datetime, dict[str, datetime]] = defaultdict(dict)
    for coin_id, moment in newest.items():
        if moment is not None:
            hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            by_hour[hour][coin_id] = moment
    descriptions = {}
    for hour, newest_by_coin in by_hour.items():
        moments = pa.array(set(newest_by_coin.values()), pa.timestamp("us", tz="UTC"))
        is_wanted = (
            ds.field("coin_id").isin(list(newest_by_coin))
            & ds.field("observed_at").isin(moments)
            & (ds.field("outcome") == "valid")
        )
        columns = ["coin_id", "observed_at", *_DESCRIBED]
        try:
            rows = clean_rows(SNAPSHOT_FLOW.clean, Span(hour, hour + _HOUR), columns, is_wanted)
        except FileNotFoundError:
            # Another run is replacing the hour's Parquet, and will update the coins of that hour.
            continue
        for row in rows.to_pylist() if rows is not None else ():
            if row["observed_at"] == newest_by_coin[row["coin_id"]]:
                descriptions[row["coin_id"]] = {name: row[name] for name in _DESCRIBED}
    return descriptions
