"""The table of the last runs, which shows only runs of this installation.

What goes here: the table, and what it shows while Dagster's response cannot be used. What stays
out: asking Dagster (in `addresses`).
"""

from collections.abc import Collection, Sequence

import streamlit as st

from cryptoassets.dashboard import figures
from cryptoassets.dashboard.addresses import Run, ask_dagster, dagster_link, dagster_page
from cryptoassets.dashboard.reader import Reader
from cryptoassets.dashboard.reading import Row
from cryptoassets.dashboard.tables import Cell, Heading, show_table

_SHORT_ID = 8
_RUNS_SHOWN = 10


def show_runs(published_by: Collection[str], batches: Sequence[Row], reader: Reader) -> None:
    """Add the table to the page.

    Args:
        published_by: ids of the newest runs that published our tables.
        batches: the newest publications, newest first.
        reader: the reader's choices.
    """
    st.subheader("Last runs", anchor=False)
    response = ask_dagster(_RUNS_SHOWN, published_by)
    if response.owner == "ours":
        _show_runs_of_dagster(response.runs, reader)
    elif response.owner == "anyone":
        st.caption(
            "Nothing has been published yet, so it is not known whether the Dagster at "
            f"{dagster_page()} belongs to this installation. Its page lists its runs."
        )
    elif response.owner == "others":
        _show_publishing_runs(batches, reader, has_links=False)
        st.caption(
            f"The Dagster at {dagster_page()} belongs to another installation: it does not know "
            "these runs. Therefore this table shows only runs that published something. "
            "`cryptoassets dev --port 3001` starts the Dagster of this installation on another "
            "port, and prints the setting with which the dashboard finds it."
        )
    else:
        _show_publishing_runs(batches, reader, has_links=True)
        st.caption(
            "Dagster is not responding, so this table shows only runs that published something. "
            "`cryptoassets dev` starts Dagster; the links open its pages."
        )


def _show_runs_of_dagster(runs: Sequence[Run], reader: Reader) -> None:
    headings = [
        Heading("Run"),
        Heading("Job"),
        Heading("Partition", "wide"),
        Heading("Outcome"),
        Heading("Started", "n"),
    ]
    rows: list[list[Cell | str]] = [
        [
            Cell(run.run_id[:_SHORT_ID], dagster_link(run.run_id)),
            run.job,
            run.partition,
            Cell(run.outcome, style={"success": "up", "failure": "down"}.get(run.outcome, "")),
            figures.moment(run.started_at, reader.zone),
        ]
        for run in runs
    ]
    show_table(headings, rows)


def _show_publishing_runs(batches: Sequence[Row], reader: Reader, *, has_links: bool) -> None:
    newest = {str(row["run_id"]): row for row in reversed(batches)}
    rows: list[list[Cell | str]] = [
        [
            Cell(run_id[:_SHORT_ID], dagster_link(run_id) if has_links else None),
            row["asset"],
            row["partition_key"],
            figures.moment(row["published_at"], reader.zone),
        ]
        for run_id, row in list(reversed(newest.items()))[:_RUNS_SHOWN]
    ]
    headings = [Heading("Run"), Heading("Published"), Heading("Partition", "wide")]
    show_table([*headings, Heading("At", "n")], rows)
