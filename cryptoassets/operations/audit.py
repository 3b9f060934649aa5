"""The operation `audit`: compares all partitions in the stores, then checks coins and marts.

What goes here: the order of these steps, and the checks of coins and marts. What stays out:
comparing the partitions in MongoDB, Parquet and PostgreSQL (in `audit_partitions`).
"""

from cryptoassets.operations.audit_partitions import ComparedStores, Findings, compare_flow
from cryptoassets.operations.last_audit import LastAudit
from cryptoassets.operations.older_rules import REJUDGE_COMMANDS
from cryptoassets.operations.progress import Progress, first_of, number_of
from cryptoassets.operations.session import open_running_stores
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS
from cryptoassets.upkeep.coins import inconsistent_coins, misdescribed_coins
from cryptoassets.upkeep.days import stale_mart_days
from cryptoassets.upkeep.earlier_data import earlier_publications

_SHOWN = 3
# Jumps from coin to coin in the index, because DISTINCT would read every price.
_PRICED_WITHOUT_COIN = """
    WITH RECURSIVE priced AS (
        (SELECT min(coin_id) AS coin_id FROM warehouse.coin_prices)
        UNION ALL
        SELECT (SELECT min(coin_id) FROM warehouse.coin_prices WHERE coin_id > priced.coin_id)
        FROM priced WHERE coin_id IS NOT NULL
    )
    SELECT coin_id FROM priced WHERE coin_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM warehouse.coins WHERE coin_id = priced.coin_id)
    ORDER BY 1
"""


def audit_stores(progress: Progress, *, is_full: bool = False) -> Findings:
    """Compare the stores, which must be running; the audit does not start them.

    Args:
        progress: shows which partition is being compared.
        is_full: compare every document, even if an earlier audit has compared it.

    Raises:
        StoreNotRunningError: an embedded store is stopped.
    """
    found = Findings()
    with open_running_stores() as stores:
        mongo, postgres, settings = stores.mongo, stores.postgres, stores.settings
        last = LastAudit(settings, (mongo.address, postgres.address, stores.stack.clean_path()))
        for flow in FLOWS:
            compare_flow(ComparedStores(mongo, postgres, last, is_full), flow, found, progress)
        last.save()
        found.problems += _prices_without_coin(postgres) + _coins_with_wrong_times(postgres)
        found.problems += _misdescribed_coins(postgres) + _stale_marts(postgres)
        found.notes += filter(None, [earlier_publications(postgres)])
    return found


def _prices_without_coin(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        rows = connection.execute(_PRICED_WITHOUT_COIN).fetchall()
    if not rows:
        return []
    shown = ", ".join(row[0] for row in rows[:_SHOWN])
    return [f"{number_of(len(rows), 'coin')} with prices but no row in warehouse.coins ({shown})"]


def _coins_with_wrong_times(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        coins = inconsistent_coins(connection)
    by_remedy = {
        f"judged by older rules: run {REJUDGE_COMMANDS}": [c for c in coins if c.is_refused],
        "run `cryptoassets rebuild` for the hour of the wrong time": [
            c for c in coins if not c.is_refused
        ],
    }
    return [
        f"{number_of(len(found), 'coin')} whose first_seen_at or last_seen_at has no published "
        f"price ({', '.join(coin.coin_id for coin in found[:_SHOWN])}): {remedy}"
        for remedy, found in by_remedy.items()
        if found
    ]


def _stale_marts(postgres: PostgresResource) -> list[str]:
    days = stale_mart_days(postgres)
    if not days:
        return []
    words = "days have marts that are missing or made from older prices or aliases"
    shown = first_of(days, _SHOWN)
    return [f"{len(days)} {words} ({shown}): `cryptoassets run` computes these marts"]


def _misdescribed_coins(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        found = misdescribed_coins(connection)
    if not found:
        return []
    shown = ", ".join(f"{coin_id}: {', '.join(names)}" for coin_id, names in found[:_SHOWN])
    words = f"coins in warehouse.coins differ from their newest valid document ({shown})"
    return [f"{len(found)} {words}: run `cryptoassets rebuild` for the hour of their last_seen_at"]
