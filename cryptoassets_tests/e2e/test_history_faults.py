"""If history is unusable, `backfill` names the coin and fails; a later backfill fetches it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets.coincap_server.exchange import HttpResponse, Request
from cryptoassets.coincap_server.sources import simulated_source
from cryptoassets_tests.e2e.platforms import CommandResult, MakePlatform, Platform

pytestmark = [pytest.mark.mongo, pytest.mark.postgres, pytest.mark.spark]

LAST = (datetime.now(UTC) - timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
HOURS = 6
RANGE = (
    "--from",
    f"{LAST:%Y-%m-%dT%H:%M}",
    "--to",
    f"{LAST + timedelta(hours=HOURS):%Y-%m-%dT%H:%M}",
)
_POINTS = "SELECT coin_id, count(*) FROM warehouse.coin_price_history GROUP BY 1"
_QUARANTINED = "SELECT raw_id, reasons FROM warehouse.quarantine"


class OddHistory:
    """A simulator that sends odd history for four coins until `is_odd` is set to False.

    The history of three coins is unusable; that of the fourth has two prices at the same time.
    """

    def __init__(self) -> None:
        """Start with odd history."""
        self._simulator = simulated_source()
        self.is_odd = True

    def answer(self, request: Request) -> HttpResponse:
        """Answer one request."""
        coin = request.path.split("/")[-2] if request.path.endswith("/history") else ""
        if self.is_odd and coin == "tether":
            old = {"start": "1700000000000", "end": "1700090000000"}
            request = replace(request, query={**request.query, **old})
        wire = self._simulator.answer(request)
        if not self.is_odd or coin not in ("bitcoin", "ethereum", "xrp"):
            return wire
        response = json.loads(wire.body)
        for point in response["data"]:
            if coin == "bitcoin":
                point["time"] = str(point["time"])
            elif coin == "ethereum":
                point["time"] //= 1000
        if coin == "xrp":
            response["data"].append(response["data"][0] | {"priceUsd": "9.9"})
        return replace(wire, body=json.dumps(response).encode())


@dataclass(frozen=True)
class Results:
    """The results of a backfill from a faulty source, and of another after the source's repair."""

    platform: Platform
    odd: CommandResult
    odd_points: dict[str, int]
    quarantined: list[tuple[str, list[str]]]
    good: CommandResult


@pytest.fixture(scope="module")
def results(make_platform: MakePlatform) -> Iterator[Results]:
    """Run both backfills."""
    source = OddHistory()
    with make_platform(source, COINCAP_COINS="4") as platform:
        odd = platform.command("backfill", *RANGE)
        points = dict(platform.stores.rows(_POINTS))
        quarantined = platform.stores.rows(_QUARANTINED)
        source.is_odd = False
        yield Results(platform, odd, points, quarantined, platform.command("backfill", *RANGE))


def test_coins_with_unusable_points_are_named_and_the_command_fails(results: Results) -> None:
    """The times are strings (bitcoin), in seconds (ethereum), or outside the range (tether)."""
    assert 1 == results.odd.code, results.odd.text
    for coin in ("bitcoin", "ethereum"):
        assert (
            f"{coin}: 6 missing points of {LAST:%Y-%m-%d} (none of its 6 points can be"
            in results.odd.text
        )
    problem = f"tether: 6 missing points of {LAST:%Y-%m-%d} (none of its 25 points is"
    assert problem in results.odd.text
    assert {"xrp": HOURS - 1} == results.odd_points


def test_two_prices_at_the_same_time_are_both_quarantined(results: Results) -> None:
    """Both points are kept, but neither is published."""
    assert [["contradictory_answer"]] * 2 == [reasons for _, reasons in results.quarantined]
    assert all(raw_id.startswith("xrp@h1@") for raw_id, _ in results.quarantined)


def test_the_same_command_fetches_again_after_the_repair(results: Results) -> None:
    """An unusable response does not count as a response for its time range."""
    points = dict(results.platform.stores.rows(_POINTS))

    assert 0 == results.good.code, results.good.text
    assert {"bitcoin": HOURS, "ethereum": HOURS, "tether": HOURS, "xrp": HOURS - 1} == points
