"""A difference equal to the tolerance is allowed; a difference larger by 1e-18 is not."""

from decimal import Decimal, localcontext

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptoassets.transforms.numbers import DECIMAL
from cryptoassets.transforms.rules import SOURCE_FIELDS, plausibility_breaches
from cryptoassets.transforms.tolerances import doubles
from cryptoassets_tests.transforms.snapshots import NO_TIME_LIMIT

LAST_PLACE = Decimal("1e-18")
LARGEST = 10**20


def broken(**measures: str | Decimal | None) -> set[str]:
    """Return the codes of the rules that a coin breaks; omitted measures are null."""
    typed = {
        name: pa.array([amount if amount is None else Decimal(amount)], DECIMAL)
        for name, amount in {**dict.fromkeys(SOURCE_FIELDS), **measures}.items()
    }
    texts = {"priceUsd": pa.array(["any text"])}
    return {code for code, rows in plausibility_breaches(texts, typed).items() if len(rows)}


@pytest.mark.parametrize(
    ("cap", "breaches"),
    [
        ("15.000015", set()),
        ("15.000015000000000001", {"market_cap_usd_mismatch"}),
        ("14.999985", set()),
        ("14.999984999999999999", {"market_cap_usd_mismatch"}),
        (None, set()),
    ],
)
def test_a_market_cap_may_differ_by_a_millionth(cap: str | None, breaches: set[str]) -> None:
    """The tolerance is a share of price x supply, not of the market cap."""
    assert breaches == broken(price_usd="1.5", supply="10", market_cap_usd=cap)


@pytest.mark.parametrize(
    ("supply", "breaches"),
    [
        ("10.00000001", set()),
        ("10.000000010000000001", {"supply_above_max_supply"}),
        ("9", set()),
        (None, set()),
    ],
)
def test_a_supply_may_exceed_its_maximum_by_a_billionth(
    supply: str | None, breaches: set[str]
) -> None:
    """CoinCap rounds the two numbers independently."""
    assert breaches == broken(price_usd="1", supply=supply, max_supply="10")


@pytest.mark.parametrize("supply", ["0", "0.000000000000000001"])
def test_a_tiny_or_zero_supply_leaves_almost_no_tolerance(supply: str) -> None:
    """The tolerance is a share of price x supply, and many coins have a supply of zero."""
    expected = {"0": set(), "0.000000000000000001": {"market_cap_usd_mismatch"}}

    assert expected[supply] == broken(price_usd="1", supply=supply, market_cap_usd="0")
    assert {"market_cap_usd_mismatch"} == broken(
        price_usd="1", supply="0", market_cap_usd="0.000000000000000001"
    )


AMOUNTS = st.integers(1, 10**6 * 10**18) | st.sampled_from([1, 10**18, 10**19, 3 * 10**17])


@NO_TIME_LIMIT
@given(AMOUNTS, AMOUNTS, st.sampled_from([1, -1]), st.integers(-3, 3))
def test_amounts_next_to_a_limit_are_compared_to_the_last_decimal(
    price: int, supply: int, sign: int, steps: int
) -> None:
    """The 16 digits of a double are not enough to decide."""
    with localcontext(prec=100):
        one, other = price * LAST_PLACE, supply * LAST_PLACE
        limit = one * other * (1 + sign * Decimal("1e-6"))
        cap = limit.quantize(LAST_PLACE) + steps * LAST_PLACE
        is_mismatch = abs(cap - one * other) > one * other * Decimal("1e-6")
        maximum = (other / (1 + Decimal("1e-9"))).quantize(LAST_PLACE) + steps * LAST_PLACE
        is_above = other - maximum > maximum * Decimal("1e-9")

    if 0 <= cap < LARGEST:
        found = broken(price_usd=one, supply=other, market_cap_usd=cap)
        assert is_mismatch == ("market_cap_usd_mismatch" in found)
    found = broken(price_usd=one, supply=other, max_supply=maximum)
    assert is_above == ("supply_above_max_supply" in found)


@NO_TIME_LIMIT
@given(st.lists(st.integers(-(10**38) + 1, 10**38 - 1) | st.integers(-(10**20), 10**20)))
def test_a_double_is_within_2_to_the_minus_50_of_its_decimal(numbers: list[int]) -> None:
    """Arrow's cast does not round to the nearest double, so comparisons rely on this bound."""
    with localcontext(prec=100):
        exact = [Decimal(number) * LAST_PLACE for number in numbers]
        found = doubles(pa.array(exact, DECIMAL))

        for number, double in zip(exact, found, strict=True):
            assert abs(Decimal(float(double)) - number) <= abs(number) * Decimal(2) ** -50
