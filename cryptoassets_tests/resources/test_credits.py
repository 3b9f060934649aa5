"""The credit ledger: every call needs a reservation, and no call may exceed the budget."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from cryptoassets.coincap.credits import Budget
from cryptoassets.coincap.protocol import ASSETS_ROUTE, HISTORY_ROUTE
from cryptoassets.errors import CreditsSpentError, PaceError, StoreError
from cryptoassets.resources.credits import CreditMode, CreditTicket, PostgresCreditKeeper
from cryptoassets.resources.postgres import PostgresResource, address_of
from cryptoassets.stores.credit_ledger import spent_on_history, spent_since

pytestmark = pytest.mark.postgres

Keeper = Callable[..., PostgresCreditKeeper]


@pytest.fixture
def keeper(postgres: PostgresResource) -> Keeper:
    """Return a function that creates keepers, which share one ledger as several processes do."""

    def make(monthly: int = 1000, mode: CreditMode = "down_to_reserve") -> PostgresCreditKeeper:
        return PostgresCreditKeeper(postgres.connect, monthly, mode)

    return make


def credits_spent(keeper: PostgresCreditKeeper) -> int:
    """Return the credits spent this month."""
    return keeper.budget(datetime.now(UTC)).spent


def wait_until_waiting(postgres: PostgresResource, *, sessions: int) -> None:
    """Return as soon as this many sessions of the test's database are waiting for a lock."""
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with postgres.connect(autocommit=True) as connection:
        while connection.execute(query).fetchone() != (sessions,):
            time.sleep(0.01)


def test_a_call_counts_at_its_estimated_cost_until_its_actual_cost_is_known(keeper: Keeper) -> None:
    """CoinCap charges for a call even if the calling process is killed before the response."""
    ticket = keeper().reserve(ASSETS_ROUTE, 18)
    before = credits_spent(keeper())

    keeper().count(ticket, 21)

    assert (18, 21) == (before, credits_spent(keeper()))


def test_credits_spent_on_history_are_summed_over_all_months(
    keeper: Keeper, postgres: PostgresResource
) -> None:
    """A backfill that crosses the end of a month reports what it has spent in both months."""
    keeper().reserve(ASSETS_ROUTE, 18)
    keeper().reserve(HISTORY_ROUTE, 5)
    with postgres.connect() as connection:
        connection.execute(
            "UPDATE warehouse.credits SET called_at = called_at - interval '2 months'"
        )
        connection.commit()
    keeper().count(keeper().reserve(HISTORY_ROUTE, 5), 7)

    with postgres.connect() as connection:
        assert 12 == spent_on_history(connection)


def test_credits_since_a_moment_are_read_with_and_without_history(
    keeper: Keeper, postgres: PostgresResource
) -> None:
    """Metrics and alerts need both sums."""
    keeper().reserve(ASSETS_ROUTE, 18)
    keeper().reserve(HISTORY_ROUTE, 40)
    now = datetime.now(UTC)

    with postgres.connect() as connection:
        spent = spent_since(connection, now - timedelta(minutes=1))
        without_history = spent_since(connection, now - timedelta(minutes=1), counts_history=False)
        later = spent_since(connection, now + timedelta(minutes=1))

    assert (58, 18, 0) == (spent, without_history, later)


@pytest.mark.parametrize(
    ("use", "activity"),
    [
        (lambda keeper: keeper.reserve(ASSETS_ROUTE, 18), "reserving credits"),
        (
            lambda keeper: keeper.count(CreditTicket(datetime.now(UTC), ASSETS_ROUTE), 1),
            "counting credits",
        ),
        (credits_spent, "reading the credits"),
    ],
)
def test_a_ledger_error_names_the_activity_and_the_server(
    keeper: Keeper,
    postgres: PostgresResource,
    use: Callable[[PostgresCreditKeeper], object],
    activity: str,
) -> None:
    """If the reservation fails, the call is not made, so no credit is spent without a record."""
    with postgres.connect() as connection:
        server = address_of(connection)
        connection.execute("DROP TABLE warehouse.credits CASCADE")

    with pytest.raises(StoreError) as caught:
        use(keeper())

    assert f"{activity} " in str(caught.value)
    assert server in str(caught.value)


def test_calls_to_the_simulator_cost_nothing(keeper: Keeper) -> None:
    """The simulator may be called every second."""
    ticket = keeper().reserve(ASSETS_ROUTE, 18)

    keeper().count(ticket, 0)

    assert 0 == credits_spent(keeper())


def test_a_reservation_is_committed_before_the_call_is_made(
    keeper: Keeper, postgres: PostgresResource
) -> None:
    """Otherwise a crash during the call would lose the reservation."""
    ticket = keeper().reserve(ASSETS_ROUTE, 18)

    with postgres.connect() as connection:
        rows = connection.execute("TABLE warehouse.credits").fetchall()
    assert [(ticket.called_at, ASSETS_ROUTE, 18, None)] == rows


def test_the_reserve_is_not_spent(keeper: Keeper) -> None:
    """A tenth of the month's credits is kept; the message names the amount and the remedy."""
    keeper().reserve(ASSETS_ROUTE, 900)

    with pytest.raises(CreditsSpentError, match=r"900 of 1000.*100 are kept.*COINCAP_MONTHLY"):
        keeper().reserve(ASSETS_ROUTE, 1)

    assert 900 == credits_spent(keeper())


def test_history_does_not_spend_the_credits_kept_for_snapshots(keeper: Keeper) -> None:
    """The message says what the credits are kept for; snapshots can still be fetched."""
    keeper().reserve(HISTORY_ROUTE, 890)
    kept = keeper().budget(datetime.now(UTC)).kept_from_history

    if kept <= 109:
        pytest.skip("the month is almost over: nothing is left to keep for snapshots")
    with pytest.raises(CreditsSpentError, match="kept for snapshots and in reserve"):
        keeper(mode="history").reserve(HISTORY_ROUTE, 1)

    keeper(mode="paced").reserve(ASSETS_ROUTE, 1)
    assert 890 == keeper().budget(datetime.now(UTC)).history


def test_a_fetch_that_exceeds_the_pace_is_refused_and_the_message_names_the_next_time(
    keeper: Keeper,
) -> None:
    """Without a pace, one snapshot every 5 minutes would spend 4,000 credits in 18 hours."""
    keeper(10**9).reserve(ASSETS_ROUTE, 899_999_000)
    budget = keeper(10**9).budget(datetime.now(UTC))
    if not budget.is_over_pace:
        pytest.skip("in the month's last tenth, spending over the pace would use the reserve")

    with pytest.raises(PaceError, match=f"{budget.next_fetch_at:%Y-%m-%d %H:%M}"):
        keeper(10**9, "paced").reserve(ASSETS_ROUTE, 1)

    keeper(10**9, "down_to_reserve").reserve(ASSETS_ROUTE, 1)


def test_the_pace_is_checked_once_per_fetch(keeper: Keeper) -> None:
    """The cost of the first page must not stop a snapshot of three pages."""
    paced = keeper(1000, "paced")

    for _ in range(3):
        paced.reserve(ASSETS_ROUTE, 300)

    assert 900 == credits_spent(keeper())


def test_without_a_limit_every_call_is_allowed_and_counted(keeper: Keeper) -> None:
    """The setting 0 means that the plan has no limit."""
    keeper(0, "paced").reserve(ASSETS_ROUTE, 10**6)
    keeper(0, "paced").reserve(ASSETS_ROUTE, 10**6)

    assert 2 * 10**6 == credits_spent(keeper(0))


def test_only_one_of_several_calls_gets_the_last_credits(
    keeper: Keeper, postgres: PostgresResource
) -> None:
    """A manual `run` and the schedule together must not exceed the month's credits."""

    def reserve(_: int) -> bool:
        try:
            keeper(20).reserve(ASSETS_ROUTE, 18)
        except CreditsSpentError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool, postgres.connect() as gate:
        gate.execute("LOCK TABLE warehouse.credits IN SHARE MODE")  # allows reads, blocks writes
        granted = pool.map(reserve, range(4))
        wait_until_waiting(postgres, sessions=4)
        gate.commit()

    assert 1 == list(granted).count(True)
    assert 18 == credits_spent(keeper(20))


def test_simultaneous_calls_are_each_counted(keeper: Keeper, postgres: PostgresResource) -> None:
    """Time and route are the key: two calls at the same instant must not become one row."""
    with ThreadPoolExecutor(4) as pool:
        tickets = set(pool.map(lambda _: keeper(0).reserve(ASSETS_ROUTE, 1), range(24)))

    assert 24 == len(tickets) == credits_spent(keeper())


def test_a_month_is_a_calendar_month_in_utc(keeper: Keeper, postgres: PostgresResource) -> None:
    """CoinCap renews credits on the first of the month in UTC, not in the server's time zone."""
    first = datetime(2026, 11, 1, tzinfo=UTC)
    instants = [first - timedelta(microseconds=1), first, datetime(2026, 12, 1, tzinfo=UTC)]
    with postgres.connect() as connection:
        connection.cursor().executemany(
            "INSERT INTO warehouse.credits VALUES (%s, '/assets', 7, NULL)",
            [(i,) for i in instants],
        )

    budget = keeper().budget(first + timedelta(days=3))

    assert Budget(monthly=1000, spent=7, now=first + timedelta(days=3)) == budget
