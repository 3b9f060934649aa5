"""The verb `audit`: every hour and day of all three stores, compared; coins and marts.

What goes here: the report, and what is wrong with coins and marts. What stays out: the partitions
(in `audit_partitions`).
"""

from contextlib import closing

from rich.console import Console
from rich.markup import escape

from cryptoassets.cli.audit_partitions import BY_TODAYS_RULES, Findings, Stores, compare_flow
from cryptoassets.cli.last_audit import LastAudit
from cryptoassets.cli.terminal import FAILED
from cryptoassets.embedded import Stack
from cryptoassets.resources.mongo import MongoResource
from cryptoassets.resources.postgres import PostgresResource
from cryptoassets.schemas import FLOWS
from cryptoassets.settings import load_settings
from cryptoassets.upkeep.coins import inconsistent_coins, misdescribed_coins
from cryptoassets.upkeep.days import stale_mart_days

_SHOWN = 3
# From coin to coin along the index: DISTINCT reads every price.
_WITHOUT_COIN = """
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


def audit_stores(console: Console, *, is_full: bool = False) -> int:
    """Compare the stores and print what does not add up; return the exit code.

    Args:
        console: prints.
        is_full: compare every document, whatever the last audit compared.
    """
    mongo, postgres, settings = MongoResource(), PostgresResource(), load_settings()
    found = Findings()
    with closing(mongo.lake().client), console.status("Comparing") as status:
        addresses = (mongo.address, postgres.address, Stack(settings).clean_path())
        last = LastAudit(settings, addresses)
        for flow in FLOWS:
            stores = Stores(mongo, postgres, last, is_full)
            compare_flow(stores, flow, found, lambda what: status.update(f"Comparing {what}"))
        last.save()
        found.problems += _without_coin(postgres) + _coins_out_of_line(postgres)
        found.problems += _misdescribed_coins(postgres) + _stale_marts(postgres)
    console.print(f"Home: {settings.home}", soft_wrap=True)
    for note in found.notes:
        console.print(f"[yellow]![/] {escape(note)}", soft_wrap=True)
    for problem in found.problems:
        console.print(f"[red]✗[/] {escape(problem)}", soft_wrap=True)
    if found.problems:
        console.print(
            f"{len(found.problems)} things do not add up. Documents of hours in no place yet, "
            "however old: `cryptoassets run`. Days of history, and all other differences "
            "from raw: `cryptoassets rebuild --from --to`."
        )
        return FAILED
    console.print(
        f"[green]✓[/] {found.documents:,} raw documents in "
        f"{' and '.join(found.counted) or '0 hours'}: each is "
        "loaded, quarantined or superseded, exactly once, and the ledger agrees."
    )
    return 0


def _without_coin(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        rows = connection.execute(_WITHOUT_COIN).fetchall()
    if not rows:
        return []
    shown = ", ".join(row[0] for row in rows[:_SHOWN])
    return [f"{len(rows)} coins have prices but no row in warehouse.coins ({shown})"]


def _coins_out_of_line(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        coins = inconsistent_coins(connection)
    by_remedy = {
        f"judged by older rules: run {BY_TODAYS_RULES}": [c for c in coins if c.is_refused],
        "`cryptoassets rebuild` of the hour repairs them": [c for c in coins if not c.is_refused],
    }
    return [
        f"{len(found)} coins were first or last seen at a time that has no price "
        f"({', '.join(coin.coin_id for coin in found[:_SHOWN])}): {remedy}"
        for remedy, found in by_remedy.items()
        if found
    ]


def _stale_marts(postgres: PostgresResource) -> list[str]:
    days = stale_mart_days(postgres)
    if not days:
        return []
    shown = ", ".join(map(str, days[:_SHOWN])) + (", ..." if len(days) > _SHOWN else "")
    words = "days have marts that are missing or made from older prices or aliases"
    return [f"{len(days)} {words} ({shown}): `cryptoassets run` makes them"]


def _misdescribed_coins(postgres: PostgresResource) -> list[str]:
    with postgres.connect() as connection:
        found = misdescribed_coins(connection)
    if not found:
        return []
    shown = ", ".join(f"{coin_id}: {', '.join(names)}" for coin_id, names in found[:_SHOWN])
    words = f"coins in warehouse.coins differ from their newest valid document ({shown})"
    return [f"{len(found)} {words}: `cryptoassets rebuild` of their last hour repairs them"]
