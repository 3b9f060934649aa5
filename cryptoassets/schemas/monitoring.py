"""Alerts, the last run of each job, and a view of the pipeline's work per day."""

from typing import Literal

from cryptoassets.schemas.table import Column, Table

AlertKind = Literal[
    "failed_run", "failed_check", "stale_price", "open_gap", "low_credits", "low_disk"
]
"""The values of the column `kind` of `warehouse.alerts`."""

ALERTS = Table(
    "warehouse",
    "alerts",
    "Conditions that need attention: one row per condition that is open, or whose messages are not "
    "all sent yet.",
    (
        Column("kind", "text", "Kind of the condition, e.g. failed_run, stale_price"),
        Column("subject", "text", "What it concerns: a job, a check, a table, a disk"),
        Column("opened_at", "timestamptz", "When an evaluation first found it, UTC"),
        Column("since", "timestamptz", "When it began, UTC"),
        Column("severity", "text", "error or warning"),
        Column("message", "text", "What is wrong, in one sentence"),
        Column("place", "text", "Where: partition, job, table or folder"),
        Column("remedy", "text", "What to do about it"),
        Column("run_id", "text", "Dagster run that shows it; null if none", is_nullable=True),
        Column(
            "cleared_at",
            "timestamptz",
            "When an evaluation no longer found it, UTC; null means that it is open",
            is_nullable=True,
        ),
        Column("start_sent_to", "text[]", "Digests of the addresses that got the first message"),
        Column("clear_sent_to", "text[]", "Digests of the addresses that got the all-clear"),
    ),
    ("kind", "subject", "opened_at"),
)

LAST_RUNS = Table(
    "warehouse",
    "last_runs",
    "The last ended run of each job, as the latest evaluation of alerts found it.",
    (
        Column("job", "text", "Dagster job"),
        Column("run_id", "text", "Dagster run"),
        Column("partition_key", "text", "Dagster partition or range", is_nullable=True),
        Column("outcome", "text", "succeeded, failed, killed or canceled"),
        Column("ended_at", "timestamptz", "When the run ended, UTC"),
        Column(
            "duration_seconds",
            "numeric",
            "How long the run took; null means that it was killed or never started",
            is_nullable=True,
        ),
    ),
    ("job",),
)

PIPELINE_DAILY = Table(
    "warehouse",
    "pipeline_daily",
    "View: how the pipeline worked per UTC day: lag, documents by outcome, credits.",
    (
        Column("day", "date", "UTC day of the documents; for credits, of the calls"),
        Column(
            "publications",
            "bigint",
            "Publications that changed an hour of warehouse/coin_prices of the day, count; 0 after "
            "retention deleted their records",
        ),
        Column(
            "lag_seconds",
            "numeric",
            "Median time from the newest price in such a publication to the publication, seconds",
            is_nullable=True,
        ),
        Column("raw_rows", "bigint", "Raw documents of all flows, count"),
        Column("loaded_rows", "bigint", "Documents published as rows, count"),
        Column("quarantined_rows", "bigint", "Documents in quarantine, count"),
        Column("superseded_rows", "bigint", "Documents replaced by a later answer, count"),
        Column(
            "quarantine_share_pct",
            "numeric",
            "Share of the raw documents that is in quarantine, percent",
            is_nullable=True,
        ),
        Column("credits", "bigint", "CoinCap credits spent: counted, or else estimated"),
    ),
    ("day",),
)
