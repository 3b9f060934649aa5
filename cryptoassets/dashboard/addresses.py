"""The platform's web pages: their addresses, whether they respond, and Dagster's newest runs.

What goes here: requests to these pages. What stays out: showing the results (in `views`).
"""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urljoin

import requests
import streamlit as st

from cryptoassets.settings import Settings, load_settings

_TIMEOUT_SECONDS = 2.0
_RUNS_TIMEOUT_SECONDS = 8.0
"""Longer than `_TIMEOUT_SECONDS`, because a busy Dagster answers its first query slowly, and a
wrong "not responding" would stay until the page is drawn again."""
_CACHE_SECONDS = 10
_RUNS = """query Runs($limit: Int!, $published: [String]) {
    runsOrError(limit: $limit) { __typename ... on Runs {
        results { runId jobName status startTime creationTime tags { key value } } } }
    published: runsOrError(filter: {runIds: $published}, limit: 1) { ... on Runs {
        results { runId } } } }"""
_PARTITION_TAGS = (
    "dagster/partition",
    "dagster/asset_partition_range_start",
    "dagster/asset_partition_range_end",
)


@dataclass(frozen=True)
class PlatformPage:
    """A web page of the platform.

    Attributes:
        name: name of the program that serves it.
        url: the address that the reader opens.
        probe: the address that the dashboard requests to check the page.
        purpose: what the page is for.
        user: the user name to log in with.
        start: how to start the page.
    """

    name: str
    url: str
    probe: str
    purpose: str
    user: str
    start: str


_PAGES = (
    PlatformPage(
        "Dagster",
        "http://localhost:3000",
        "http://localhost:3000/server_info",
        "runs, assets, checks",
        "none",
        "cryptoassets dev, or Docker",
    ),
    PlatformPage(
        "Airflow",
        "http://localhost:8081",
        "http://localhost:8081",
        "schedules",
        "admin",
        "make airflow, or Docker",
    ),
    PlatformPage(
        "Spark",
        "http://localhost:8080",
        "http://localhost:8080",
        "workers and applications",
        "none",
        "Docker",
    ),
    PlatformPage(
        "pgAdmin",
        "http://localhost:5050",
        "http://localhost:5050/misc/ping",
        "tables and SQL",
        "admin@admin.com",
        "Docker",
    ),
    PlatformPage(
        "Mongo Express",
        "http://localhost:8082",
        "http://localhost:8082",
        "raw documents",
        "admin",
        "Docker",
    ),
)


@dataclass(frozen=True)
class Health:
    """Whether a page responds; `detail` describes the response or says how to start the page."""

    is_up: bool
    detail: str


@dataclass(frozen=True)
class Run:
    """A Dagster run."""

    run_id: str
    job: str
    partition: str
    outcome: str
    started_at: datetime


@dataclass(frozen=True)
class DagsterResponse:
    """Dagster's response, and which installation this Dagster belongs to.

    Attributes:
        owner: `ours` if it belongs to this installation; `others` if it belongs to another one;
            `anyone` if that is not known, because nothing has been published yet; `none` if Dagster
            does not respond as expected.
        runs: the newest runs of this installation, newest first; empty unless `owner` is `ours`.
    """

    owner: Literal["ours", "others", "anyone", "none"]
    runs: list[Run]


@st.cache_resource(ttl=_CACHE_SECONDS, show_spinner=False)
def _settings() -> Settings:
    """Return the settings, cached: reading them takes 10 ms, and each link to a run needs them."""
    return load_settings()


def platform_pages() -> list[PlatformPage]:
    """Return every page of the platform; CRYPTOASSETS_PAGES overrides their usual addresses."""
    named = _settings().pages
    pages = []
    for page in _PAGES:
        url, probe = named.get(page.name.lower().replace(" ", "-"), (page.url, page.probe))
        pages.append(replace(page, url=url, probe=probe))
    return pages


@st.cache_data(ttl=_CACHE_SECONDS, show_spinner=False)
def health_of(pages: Sequence[PlatformPage]) -> list[Health]:
    """Request all pages in parallel, and return the health of each."""
    with ThreadPoolExecutor(len(pages)) as pool:
        return list(pool.map(_health, pages))


def _health(page: PlatformPage) -> Health:
    try:
        response = requests.get(page.probe, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return Health(is_up=False, detail=f"not running; start it with {page.start}")
    # A page that asks for a log-in is healthy.
    if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Health(is_up=True, detail="responding")
    return Health(is_up=False, detail=f"responding with an error ({response.status_code})")


def dagster_page() -> str:
    """Return the address of Dagster's page for the reader."""
    return _settings().dagster_page


def dagster_link(run_id: str) -> str:
    """Return the address of a run's page in Dagster."""
    return f"{dagster_page()}/runs/{run_id}"


@st.cache_data(ttl=_CACHE_SECONDS, show_spinner=False)
def ask_dagster(limit: int, published_by: Collection[str]) -> DagsterResponse:
    """Request the newest runs, and find out whether this Dagster belongs to this installation.

    Several installations on one machine use the same default address for Dagster. The Dagster that
    responds is ours if it knows at least one of the runs that published our tables.

    Args:
        limit: number of runs.
        published_by: ids of the newest runs that published our tables; may be empty.
    """
    address = urljoin(platform_pages()[0].probe, "/graphql")
    variables = {"limit": limit, "published": sorted(published_by)}
    try:
        response = requests.post(
            address, json={"query": _RUNS, "variables": variables}, timeout=_RUNS_TIMEOUT_SECONDS
        )
        found = response.json()["data"]
        runs = [_run(one) for one in found["runsOrError"]["results"]]
        is_known = bool(found["published"]["results"])
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return DagsterResponse("none", [])
    if not published_by:
        return DagsterResponse("anyone", [])
    return DagsterResponse("ours", runs) if is_known else DagsterResponse("others", [])


def _run(found: dict[str, Any]) -> Run:
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    started = found["startTime"] or found["creationTime"]
    return Run(
        run_id=found["runId"],
        job="assets" if found["jobName"].startswith("__") else found["jobName"],
        partition=" to ".join(
            dict.fromkeys(tags[name] for name in _PARTITION_TAGS if name in tags)
        ),
        outcome=str(found["status"]).lower(),
        started_at=datetime.fromtimestamp(started, UTC),
    )
