"""Weekly candles start on Monday, 00:00 UTC, and are merged from days, again after each change."""

from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest

from cryptoassets.stores.weeks import merge_week, monday_of

pytestmark = pytest.mark.postgres

MONDAY = date(2026, 11, 23)
COIN = """
    INSERT INTO marts.coin_daily (coin_id, day, open, high, low, close, observations, drawdown_pct,
        observations_expected, source)
    VALUES (%s, %s, %s, %s, %s, %s, %s, 0, %s, %s)
"""
WEEKS = "SELECT * FROM marts.coin_candles ORDER BY coin_id"
TINY = Decimal("99999999999999999999.999999999999999999")


def test_a_week_is_merged_from_its_days_and_again_when_a_day_changes(database: str) -> None:
    """A day without a daily candle counts, too: a week needs only one history point per day."""
    start = datetime(2026, 11, 23, tzinfo=UTC)
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SET TimeZone = 'Asia/Tokyo'")
        for row in (
            ("a", date(2026, 11, 22), 100, 100, 100, 100, 288, 288, "snapshots"),
            ("a", date(2026, 11, 29), 3, 9, 3, 8, 144, 288, "snapshots"),
            ("a", date(2026, 11, 23), 5, TINY, 2, 7, 1, 1, "history"),
            ("a", date(2026, 11, 30), 100, 100, 100, 100, 288, 288, "snapshots"),
            ("b", date(2026, 11, 25), 1, 1, 1, 1, 24, 24, "history"),
            ("old", date(2026, 11, 25), 1, 1, 1, 1, 24, None, None),
        ):
            cursor.execute(COIN, row)

        first = merge_week(cursor, date(2026, 11, 27))
        cursor.execute("DELETE FROM marts.coin_daily WHERE coin_id = 'b'")
        cursor.execute("UPDATE marts.coin_daily SET low = 1 WHERE day = '2026-11-29'")
        second, third = merge_week(cursor, MONDAY), merge_week(cursor, MONDAY)

        assert (2, 0) == (first.rows_written, first.rows_removed)
        assert (1, 1) == (second.rows_written, second.rows_removed)
        assert not third
        week = ("a", "w1", start, 5, TINY, 1, 8, 145, 2016, "mixed")
        assert [week] == cursor.execute(WEEKS).fetchall()


@pytest.mark.parametrize("day", [MONDAY, date(2026, 11, 24), date(2026, 11, 29)])
def test_a_week_starts_on_monday(day: date) -> None:
    """Monday, Tuesday and Sunday belong to the same week."""
    assert monday_of(day) == MONDAY
