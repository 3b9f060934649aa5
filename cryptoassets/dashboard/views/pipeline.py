"""The Pipeline page: freshness, rows per batch, quarantine, gaps, credits and the last runs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import streamlit as st

from cryptoassets.dashboard import charts, figures, queries
from cryptoassets.dashboard.reader import Reader
from cryptoassets.dashboard.reading import Row, platform_state, rows_of
from cryptoassets.dashboard.runs import show_runs
from cryptoassets.dashboard.tables import Cell, Heading, show_table
from cryptoassets.schemas.flows.snapshots import FRESH_WITHIN

_PRICES = "warehouse/coin_prices"


def show(reader: Reader) -> None:
    """Draw the page."""
    found = rows_of(
        {
            "loaded": queries.LOADED,
            "marts": queries.MARTS_LOADED,
            "batches": queries.BATCHES,
            "published_by": queries.PUBLISHED_BY,
            "days": queries.PIPELINE_DAYS,
            "quarantine": queries.QUARANTINE,
            "gaps": queries.GAPS,
        }
    )
    if not (found["loaded"] or found["quarantine"]):
        st.info(
            "**Nothing has been published yet.** Start the first run in a terminal: "
            "`cryptoassets run`.",
            icon=":material/info:",
        )
    _show_now(found, reader)
    charts.show_numbers_first()
    if found["loaded"] or found["marts"]:
        _show_loaded([*found["loaded"], *found["marts"]])
    _show_batches(found["batches"], reader)
    _show_days(found["days"])
    _show_quarantine(found["quarantine"], reader)
    _show_gaps(found["gaps"], reader)
    published_by = sorted(str(row["run_id"]) for row in found["published_by"])
    show_runs(published_by, found["batches"], reader)


def _show_now(found: dict[str, list[Row]], reader: Reader) -> None:
    state = platform_state()
    price, credit = state.price, state.credits
    raw = sum(row["raw_rows"] for row in found["days"])
    quarantined = sum(row["quarantined_rows"] for row in found["days"])
    columns = st.columns(4)
    is_late = price.age is not None and price.age > FRESH_WITHIN
    columns[0].metric(
        "Age of the newest price",
        figures.age(None if price.age is None else price.age.total_seconds()),
        "late: more than 90 min" if is_late else None,
        delta_color="inverse",
        border=True,
        height="stretch",
        help=f"Observed {figures.moment(price.observed_at, reader.zone)}",
    )
    share = Decimal(100 * quarantined) / raw if raw else None
    columns[1].metric("Quarantined, 30 days", figures.percent(share), border=True, height="stretch")
    gaps = figures.count(state.gaps.gaps)
    columns[2].metric("Open gaps", gaps, border=True, height="stretch")
    left = "no limit" if credit.left is None else figures.count(credit.left)
    columns[3].metric(
        "Credits left this month",
        left,
        f"{figures.count(credit.spent_today)} in 24 hours" if credit.spent else "none spent",
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help="Simulated and replayed prices cost no credits.",
    )


def _show_loaded(rows: Sequence[Row]) -> None:
    st.subheader("Last publication of each table", anchor=False)
    headings = [
        Heading("Table"),
        Heading("Partition", "wide"),
        Heading("Rows", "n"),
        Heading("Quarantined", "n wide"),
        Heading("Superseded", "n wide"),
        Heading("Age", "n"),
    ]
    now = datetime.now(UTC)
    show_table(
        headings,
        [
            [
                row["asset"],
                row["partition_key"],
                figures.count(row["loaded_rows"]),
                figures.count(row["quarantined_rows"]),
                figures.count(row["superseded_rows"]),
                figures.age((now - row["loaded_at"]).total_seconds()),
            ]
            for row in sorted(rows, key=lambda row: str(row["asset"]), reverse=True)
        ],
    )
    st.caption("Partitions are hours and days in UTC.")


def _show_batches(batches: Sequence[Row], reader: Reader) -> None:
    st.subheader("Rows per batch", anchor=False)
    rows = [row for row in reversed(batches) if row["asset"] == _PRICES]
    if not rows:
        st.caption("No prices were published in the last 30 days.")
        return
    numbers = [Decimal(row["rows_written"]) for row in rows]
    texts = [
        f"{figures.count(row['rows_written'])} rows, {row['partition_key']}<br>"
        f"published {figures.moment(row['published_at'], reader.zone)}"
        for row in rows
    ]
    places = [reader.local(row["published_at"]) for row in rows]
    if len(rows) == 1:
        # A line needs two points.
        st.caption(f"One batch so far: {texts[0].replace('<br>', ', ')}.")
        return
    trace = charts.line(places, numbers, texts, mode="lines+markers")
    charts.show([trace], height=240, yaxis={"rangemode": "tozero"})
    st.caption(f"Rows written by the last {len(rows)} publications of {_PRICES}.")


def _show_days(days: Sequence[Row]) -> None:
    known = [row for row in days if row["lag_seconds"] is not None]
    left, right = st.columns(2)
    with left:
        st.subheader("Lag per day", anchor=False)
        if len(known) > 1:
            texts = [figures.age(row["lag_seconds"]) for row in known]
            lags = [row["lag_seconds"] / 60 for row in known]
            trace = charts.line([row["day"] for row in known], lags, texts, mode="lines+markers")
            charts.show([trace], unit=" min", height=220, yaxis={"rangemode": "tozero"})
            st.caption("Median time from a price to its publication.")
        else:
            lag = figures.age(known[0]["lag_seconds"]) if known else figures.UNKNOWN
            st.caption(
                f"Median time from a price to its publication: {lag}. A chart needs two days."
            )
    with right:
        st.subheader("Credits per day", anchor=False)
        spent = [row for row in days if row["credits"]]
        if spent:
            texts = [figures.count(row["credits"]) for row in spent]
            numbers = [Decimal(row["credits"]) for row in spent]
            times = [row["day"] for row in spent]
            trace = charts.bars(times, numbers, texts, "", charts.COLORS[1])
            charts.show([trace], height=220, xaxis={"type": "date"})
        else:
            st.caption("None spent in the last 30 days: only requests to CoinCap cost credits.")


def _show_quarantine(reasons: Sequence[Row], reader: Reader) -> None:
    st.subheader("Quarantine by reason", anchor=False)
    if not reasons:
        st.caption("Empty: no document breaks a rule.")
        return
    headings = [Heading("Reason"), Heading("Documents", "n"), Heading("Newest", "n wide")]
    show_table(
        headings,
        [
            [
                row["reason"],
                figures.count(row["documents"]),
                figures.moment(row["newest"], reader.zone),
            ]
            for row in reasons
        ],
    )
    names = [row["reason"] for row in reasons]
    reason = st.selectbox("Examples of", names, key="reason", width=320)
    examples = rows_of({"examples": queries.QUARANTINE_EXAMPLES}, reason=reason)["examples"]
    show_table(
        [Heading("Document", "c"), Heading("Payload", "c")],
        [[row["raw_id"], row["payload"] or figures.UNKNOWN] for row in examples],
    )
    st.caption(
        "After you correct a rule, `cryptoassets requeue` judges quarantined documents again."
    )


def _show_gaps(gaps: Sequence[Row], reader: Reader) -> None:
    st.subheader("Gaps in the history", anchor=False)
    if not gaps:
        st.caption("There are no open gaps.")
        return
    headings = [
        Heading("Coin"),
        Heading("Interval", "wide"),
        Heading("Gaps", "n"),
        Heading("Missing", "n"),
        Heading("From", "n wide"),
        Heading("To", "n wide"),
        Heading("State"),
    ]
    show_table(
        headings,
        [
            [
                Cell(row["coin_id"], reader.coin_link(row["coin_id"])),
                row["interval"],
                figures.count(row["gaps"]),
                figures.age(row["seconds"]),
                figures.moment(row["first"], reader.zone),
                figures.moment(row["last"], reader.zone),
                "source has no data" if row["unfillable"] else "open",
            ]
            for row in gaps
        ],
    )
    st.caption("`cryptoassets backfill --gaps` fetches what is missing.")
