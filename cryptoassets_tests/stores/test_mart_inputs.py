"""A mart that reads its own earlier rows also records the inputs of these rows."""

from datetime import date, timedelta

from cryptoassets.stores.mart_inputs import Inputs, InputsRead

DAY = date(2026, 11, 27)
PRICES, COINS = "warehouse/coin_prices", "marts/coin_daily"


def name(days_before: int) -> str:
    """The name of an input: the prices of the day that is `days_before` days before `DAY`."""
    return f"{PRICES} {DAY - timedelta(days=days_before)}"


def read(hashes: dict[int, str]) -> InputsRead:
    """The inputs of a run over `DAY`: prices, and earlier rows of `marts/coin_daily`.

    Args:
        hashes: maps the number of days before `DAY` to the hash of the coin aliases with which that
            day's row was computed; "now" is the hash of the current aliases.
    """
    earlier = {
        DAY - timedelta(days=back): ({name(back): back, name(back + 1): 99}, aliases)
        for back, aliases in hashes.items()
    }
    return InputsRead({PRICES: {name(0): 7, name(1): 8, name(2): 9}}, earlier, "now")


def test_the_version_of_a_close_is_that_of_the_prices_it_was_computed_from() -> None:
    """`DAY - 2` has a row from version 2 of its prices, which are now at version 9.

    With version 2 recorded, `DAY` stays stale until that row and `DAY` are recomputed.
    """
    inputs = read({1: "old", 2: "now", 5: "now", 30: "now", 31: "old"}).of(COINS, DAY, DAY)

    expected = {name(0): 7, name(1): 8, name(2): 2, name(5): 5, name(30): 30}
    assert Inputs(expected, "now") == inputs
    assert "now" == inputs.recorded_hash


def test_a_close_computed_with_other_aliases_makes_the_day_stale() -> None:
    """A row computed with other aliases may have a coin's old id. After that row, `DAY` is due."""
    inputs = read({2: "old"}).of(COINS, DAY, DAY)

    assert inputs.has_old_aliases
    assert inputs.recorded_hash is None


def test_a_run_reads_closes_only_of_days_before_its_own_prices() -> None:
    """For days whose prices it reads, a run computes the closing prices itself."""
    inputs = read({2: "old", 3: "now"}).of(COINS, DAY, DAY - timedelta(days=1))

    assert Inputs({name(0): 7, name(1): 8, name(2): 9, name(3): 3}, "now") == inputs
