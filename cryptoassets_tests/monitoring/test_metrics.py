"""`/metrics` shows what `analyst` reads from the warehouse, and refuses other origins' requests."""

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import psycopg
import pytest
import uvicorn
from prometheus_client.parser import text_string_to_metric_families

from cryptoassets.monitoring.metrics_server import metrics_app
from cryptoassets.settings import load_settings

pytestmark = pytest.mark.postgres

EVIL = "http://evil.example"
ROWS = """
    INSERT INTO warehouse.loads VALUES
        ('warehouse/coin_prices', to_char(now(), 'YYYY-MM-DD-HH24:00'), 'r', 100, 90, 8, 2, now()),
        ('warehouse/coin_prices', '2019-03-01-00:00', 'r', 100, 100, 0, 0, now());
    INSERT INTO warehouse.credits VALUES (now(), '/assets', 18, 18);
    INSERT INTO warehouse.gaps VALUES
        ('bitcoin', 'h1', now() - interval '2 days', now() - interval '1 day', now(), NULL, false);
    INSERT INTO warehouse.last_runs VALUES ('process', 'r', NULL, 'failed', now(), 12.5);
    INSERT INTO warehouse.alerts
    VALUES ('failed_run', 'process', now(), now(), 'error', 'm', 'p', 'r', NULL, NULL, '{}', '{}')
"""
"""Ledger rows of two hours, and one API call, one gap, one run and one alert."""


@pytest.fixture
def page(analyst_url: str) -> Iterator[int]:
    """Serve `/metrics` for the test's database; return the port."""
    config = uvicorn.Config(metrics_app(load_settings()), log_level="warning")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


def scrape(port: int, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Return the page's status and text."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/metrics", headers=headers or {})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def samples(port: int) -> dict[str, float]:
    """Scrape the page; return the samples by name and label values."""
    status, text = scrape(port)
    assert 200 == status, text
    families = list(text_string_to_metric_families(text))
    assert [] == [one.name for one in families if not one.documentation]
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_page_shows_rows_lag_quarantine_credits_gaps_and_durations(
    page: int, database: str
) -> None:
    """Metric names contain units. The quarantine ratio counts only recent partitions."""
    with psycopg.connect(database) as connection:
        connection.execute(ROWS)

    found = samples(page)

    assert {
        "cryptoassets_up": 1,
        "cryptoassets_rows warehouse/coin_prices": 190,
        "cryptoassets_documents warehouse/coin_prices quarantined": 8,
        "cryptoassets_quarantine_ratio warehouse/coin_prices": 0.08,
        "cryptoassets_credits_spent_total": 18,
        "cryptoassets_credits_left": 3982,
        "cryptoassets_open_gaps": 1,
        "cryptoassets_run_duration_seconds process": 12.5,
        "cryptoassets_last_run_failed process": 1,
        "cryptoassets_alerts failed_run": 1,
        "cryptoassets_alerts low_disk": 0,
    }.items() <= found.items()
    # The table of prices is empty.
    assert "cryptoassets_price_lag_seconds" not in found


def test_a_scrape_does_not_scan_price_tables(page: int, database: str) -> None:
    """Prometheus scrapes every few seconds, and a year of prices has 10 million rows."""
    read = (
        "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables "
        "WHERE relname ~ '^(coin_prices|coin_price_history|quarantine|coin_daily)'"
    )
    samples(page)
    with psycopg.connect(database) as connection:
        before = connection.execute(read).fetchone()
    samples(page)

    with psycopg.connect(database) as connection:
        assert before == connection.execute(read).fetchone()


def test_without_postgresql_the_page_only_shows_cryptoassets_up_0(
    page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A response with an error status would look like a broken exporter."""
    monkeypatch.setenv("ANALYST_URL", "postgresql://analyst:s3cret@127.0.0.1:1/none")

    assert {"cryptoassets_up": 0.0} == samples(page)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": EVIL}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 400),
        ({"Host": "127.0.0.1:9464"}, 200),
    ],
)
def test_pages_of_other_origins_and_foreign_host_names_are_refused(
    page: int, headers: dict[str, str], expected: int
) -> None:
    """Otherwise, with DNS rebinding, a web page could read the figures."""
    assert expected == scrape(page, headers)[0]
