"""A row of `coins` has the newest valid values of a coin, even if it is merged from parts."""

import pyarrow as pa

from cryptoassets.schemas import COINS
from cryptoassets.schemas.arrow import arrow_schema
from cryptoassets.transforms.coins import merge_coin_rows, newest_row_per_coin
from cryptoassets.transforms.prices import judge_prices
from cryptoassets_tests.transforms.snapshots import Row, instant, raw_row, raw_table


def test_coins_are_described_by_their_newest_valid_observation() -> None:
    """Quarantined observations change neither the name nor the first and last time seen."""
    rows = [
        raw_row("bitcoin", 0, coin={"name": "First"}),
        raw_row("bitcoin", 2, coin={"name": "Newest", "maxSupply": None}),
        raw_row("bitcoin", 1, coin={"name": "Second"}),
        raw_row("bitcoin", 3, coin={"name": "Broken", "priceUsd": "0x10"}),
    ]

    coins = newest_row_per_coin(judge_prices(raw_table(rows)))

    [coin] = coins.to_pylist()
    assert arrow_schema(COINS) == coins.schema
    assert ("bitcoin", "Newest", None) == (coin["coin_id"], coin["name"], coin["max_supply"])
    assert (instant(0), instant(2)) == (coin["first_seen_at"], coin["last_seen_at"])


def test_merging_the_rows_of_parts_gives_the_rows_of_the_whole_table() -> None:
    """Each task describes the coins of a part of the hour, and the driver merges the rows."""
    rows = [raw_row(f"coin-{n % 7}", n, coin={"name": f"{n}"}) for n in range(100)]
    rows += [raw_row("coin-3", n, coin={"priceUsd": None}) for n in range(100, 120)]
    judged = judge_prices(raw_table(rows))
    parts = [newest_row_per_coin(judged.slice(n, 13)) for n in reversed(range(0, 120, 13))]

    whole, joined = newest_row_per_coin(judged), merge_coin_rows(pa.concat_tables(parts))

    def coins(described: pa.Table) -> dict[str, Row]:
        return {coin["coin_id"]: coin for coin in described.to_pylist()}

    assert coins(whole) == coins(joined)
    assert [7, 7] == [whole.num_rows, joined.num_rows]
    expected = {f"coin-{n % 7}": (f"{n}", instant(n % 7), instant(n)) for n in range(93, 100)}
    assert expected == {
        slug: (coin["name"], coin["first_seen_at"], coin["last_seen_at"])
        for slug, coin in coins(whole).items()
    }
