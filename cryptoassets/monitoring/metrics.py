"""The metrics on the page `/metrics`, read from PostgreSQL at each scrape.

What goes here: names, help texts and values. What stays out: the queries (in `warehouse` and
`credits`), the HTTP server (in `metrics_server`).
"""

from collections.abc import Callable, Iterator
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cryptoassets.errors import CryptoassetsError
from cryptoassets.monitoring import warehouse
from cryptoassets.monitoring.credits import CreditStatus, read_credits
from cryptoassets.monitoring.warehouse import Connection, OpenGaps
from cryptoassets.schemas import COIN_PRICES
from cryptoassets.schemas.monitoring import AlertKind
from cryptoassets.settings import Settings


class WarehouseCollector(Collector):
    """Reads all metrics from one consistent snapshot of the database.

    Args:
        connect: opens a read-only connection in autocommit mode.
        settings: credits per month, coins in a snapshot, interval of the history.
    """

    def __init__(self, connect: Callable[[], Connection], settings: Settings) -> None:
        self._connect = connect
        self._settings = settings

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering the collector does not query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return all metrics; if PostgreSQL does not answer, only `cryptoassets_up 0`."""
        try:
            found = self._read()
        except CryptoassetsError:
            found = []
        help_text = "1 if PostgreSQL answered; otherwise 0, and there are no other metrics."
        yield _gauge("cryptoassets_up", help_text, float(bool(found)))
        yield from found

    def _read(self) -> list[Metric]:
        from cryptoassets.analysis.connection import query_errors  # noqa: PLC0415

        settings = self._settings
        with self._connect() as connection, query_errors(), connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            left = read_credits(
                connection, settings.coincap_monthly_credits, settings.coincap_coins
            )
            return [
                *_rows(connection),
                *_lag(connection),
                *_credits(left),
                *_gaps(warehouse.open_gaps(connection, settings.coincap_history_interval)),
                *_runs(connection),
                _alerts(connection),
            ]


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value)


def _rows(connection: Connection) -> Iterator[Metric]:
    documents = GaugeMetricFamily(
        "cryptoassets_documents",
        "Raw documents that were loaded, quarantined or superseded, according to the ledger.",
        labels=["asset", "outcome"],
    )
    rows = GaugeMetricFamily(
        "cryptoassets_rows",
        "Rows of a published table, according to the ledger.",
        labels=["asset"],
    )
    share = GaugeMetricFamily(
        "cryptoassets_quarantine_ratio",
        "Share of the documents of today and yesterday (UTC) that are quarantined, 0 to 1.",
        labels=["asset"],
    )
    published = GaugeMetricFamily(
        "cryptoassets_last_publication_timestamp_seconds",
        "When a partition was last published, Unix time.",
        labels=["asset"],
    )
    for one in warehouse.ledger_totals(connection):
        documents.add_metric([one.asset, "loaded"], one.loaded_rows)
        documents.add_metric([one.asset, "quarantined"], one.quarantined_rows)
        documents.add_metric([one.asset, "superseded"], one.superseded_rows)
        rows.add_metric([one.asset], one.loaded_rows)
        if one.recent_raw_rows:
            share.add_metric([one.asset], one.recent_quarantined_rows / one.recent_raw_rows)
        published.add_metric([one.asset], one.loaded_at.timestamp())
    for mart in warehouse.mart_totals(connection):
        rows.add_metric([mart.asset], mart.loaded_rows)
        published.add_metric([mart.asset], mart.loaded_at.timestamp())
    yield from (documents, rows, share, published)
    yield CounterMetricFamily(
        "cryptoassets_publications",
        "Publications that changed something.",
        value=warehouse.publications(connection),
    )


def _lag(connection: Connection) -> Iterator[Metric]:
    price = warehouse.newest_row(connection, COIN_PRICES)
    if price.age is not None:
        yield _gauge(
            "cryptoassets_price_lag_seconds",
            "Age of the newest price, by market time.",
            price.age.total_seconds(),
        )


def _credits(left: CreditStatus) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "cryptoassets_credits_spent",
        "CoinCap's credits spent in this calendar month (UTC); 0 when a month begins.",
        value=left.spent,
    )
    yield _gauge(
        "cryptoassets_credits_needed_for_a_week",
        "Credits that snapshots need in a week, or until the month ends if that is sooner.",
        left.needed_for_a_week,
    )
    if left.left is not None:
        yield _gauge(
            "cryptoassets_credits_left",
            "CoinCap's credits left in this calendar month, the reserve included.",
            left.left,
        )
        yield _gauge("cryptoassets_credits_reserve", "Credits that are never spent.", left.reserve)


def _gaps(gaps: OpenGaps) -> Iterator[Metric]:
    yield _gauge("cryptoassets_open_gaps", "Gaps in the history that can be filled.", gaps.gaps)
    yield _gauge(
        "cryptoassets_coins_with_open_gaps",
        "Coins whose history has gaps that can be filled.",
        gaps.coins,
    )


def _runs(connection: Connection) -> Iterator[Metric]:
    duration = GaugeMetricFamily(
        "cryptoassets_run_duration_seconds",
        "How long the last completed run of a job took.",
        labels=["job"],
    )
    ended = GaugeMetricFamily(
        "cryptoassets_last_run_timestamp_seconds",
        "When the last run of a job ended, Unix time.",
        labels=["job"],
    )
    failed = GaugeMetricFamily(
        "cryptoassets_last_run_failed",
        "1 if the last completed run of a job failed or was killed, otherwise 0.",
        labels=["job"],
    )
    for run in warehouse.job_runs(connection):
        if run.duration_seconds is not None:
            duration.add_metric([run.job], float(run.duration_seconds))
        ended.add_metric([run.job], run.ended_at.timestamp())
        failed.add_metric([run.job], float(run.outcome in ("failed", "killed")))
    yield from (duration, ended, failed)


def _alerts(connection: Connection) -> Metric:
    alerts = GaugeMetricFamily(
        "cryptoassets_alerts", "Conditions that need attention, by kind.", labels=["kind"]
    )
    found = warehouse.open_alerts(connection)
    for kind in get_args(AlertKind):
        alerts.add_metric([kind], found.get(kind, 0))
    return alerts
