"""The Platform page: the other web pages of the platform, and whether they respond."""

from collections.abc import Sequence

import streamlit as st

from cryptoassets.dashboard import queries
from cryptoassets.dashboard.addresses import (
    Health,
    PlatformPage,
    ask_dagster,
    health_of,
    platform_pages,
)
from cryptoassets.dashboard.reader import Reader
from cryptoassets.dashboard.reading import rows_of
from cryptoassets.dashboard.tables import Cell, Heading, show_table
from cryptoassets.errors import CryptoassetsError

_CHECKING = Cell("…", style="dim")


def show(_reader: Reader) -> None:
    """Draw the page. The table appears before the pages are checked, which can take seconds."""
    pages = platform_pages()
    table = st.empty()
    with table:
        _show(pages, [_CHECKING] * len(pages))
    found = [_health_cell(health) for health in health_of(pages)]
    if _is_dagster_of_others():
        found[0] = Cell("○ responding, but belongs to another installation", style="dim")
    with table:
        _show(pages, found)
    st.caption(
        "Without Docker, only Dagster and Airflow can run. `docker compose up -d` starts all "
        "pages; the passwords are those in the README, or those that you set in `.env`."
    )


def _health_cell(health: Health) -> Cell:
    mark, style = ("●", "up") if health.is_up else ("○", "dim")
    return Cell(f"{mark} {health.detail}", style=style)


def _is_dagster_of_others() -> bool:
    """Whether Dagster's address belongs to another installation; False if a store is stopped."""
    try:
        rows = rows_of({"published_by": queries.PUBLISHED_BY})["published_by"]
    except CryptoassetsError:
        return False
    return ask_dagster(1, sorted(str(row["run_id"]) for row in rows)).owner == "others"


def _show(pages: Sequence[PlatformPage], healths: Sequence[Cell]) -> None:
    headings = [
        Heading("Page"),
        Heading("For", "wide"),
        Heading("Health"),
        Heading("User", "wide"),
    ]
    rows: list[list[Cell | str]] = [
        [
            Cell(page.name, page.url, note=page.url.removeprefix("http://")),
            page.purpose,
            health,
            page.user,
        ]
        for page, health in zip(pages, healths, strict=True)
    ]
    show_table(headings, rows)
