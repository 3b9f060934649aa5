"""The version of a mart's inputs includes the inputs of the earlier rows that it reads."""

from datetime import date, timedelta

from cryptoassets.stores.mart_inputs import Inputs, InputsRead

DAY = date(2026, 11, 27)
PRICES, COINS = "warehouse/coin_prices", "marts/coin_daily"


def name(days_before: int) -> str:
    """The input's name: prices of the day this many days before `DAY`."""
    return f"{PRICES} {DAY - timedelta(days=days_before)}"


def read(hashes: dict[int, str]) -> InputsRead:
    """The inputs of a run over `DAY`: prices, and earlier rows with the given aliases' hashes."""
    earlier = {
        DAY - timedelta(days=back): ({name(back): back, name(back + 1): 99}, aliases)
        for back, aliases in hashes.items()
    }
    return InputsRead({PRICES: {name(0): 7, name(1): 8, name(2): 9}}, earlier, "now")


def test_a_day_that_is_read_as_a_close_has_the_version_of_that_close() -> None:
    """If the earlier row is older than its prices, this day stays stale until both are current."""
    inputs = read({1: "old", 2: "now", 5: "now", 30: "now", 31: "old"}).of(COINS, DAY, DAY)

    expected = {name(0): 7, name(1): 8, name(2): 2, name(5): 5, name(30): 30}
    assert Inputs(expected, "now") == inputs
    assert "now" == inputs.recorded_hash


def test_a_close_of_other_aliases_makes_the_day_stale() -> None:
    """The earlier row may belong to an old slug, so this day is computed again after it."""
    inputs = read({2: "old"}).of(COINS, DAY, DAY)

    assert inputs.has_old_aliases
    assert inputs.recorded_hash is None


def test_in_a_range_the_first_days_are_read_as_prices() -> None:
    """The run itself computes their closes, from the prices that it has read."""
    inputs = read({2: "old", 3: "now"}).of(COINS, DAY, DAY - timedelta(days=1))

    assert Inputs({name(0): 7, name(1): 8, name(2): 9, name(3): 3}, "now") == inputs
