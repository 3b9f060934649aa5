"""The Platform page: the other web pages of the platform, and whether they respond."""

from collections.abc import Sequence

import streamlit as st

from cryptoassets.dashboard.addresses import PlatformPage, health_of, platform_pages
from cryptoassets.dashboard.reader import Reader
from cryptoassets.dashboard.tables import Cell, Heading, show_table

_CHECKING = Cell("…", style="dim")


def show(_reader: Reader) -> None:
    """Draw the page. The table appears before the pages are checked, which can take seconds."""
    pages = platform_pages()
    table = st.empty()
    with table:
        _show(pages, [_CHECKING] * len(pages))
    found = [
        Cell(
            f"{'●' if health.is_up else '○'} {health.detail}", style="up" if health.is_up else "dim"
        )
        for health in health_of(pages)
    ]
    with table:
        _show(pages, found)
    st.caption(
        "Without Docker, only Dagster and Airflow can run. `docker compose up -d` starts all "
        "pages; the passwords are those in the README, or those that you set in `.env`."
    )


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
