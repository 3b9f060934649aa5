"""Which headers show that a request was sent by a page from another origin."""

import pytest

from cryptoassets.origins import host_name, is_from_another_origin

HOST = {"host": "localhost:3000"}
LINK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:8888"},
        {"origin": "http://localhost"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", **LINK, "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "cross-site", **LINK, "sec-fetch-mode": "no-cors"},
        {"origin": "http://localhost:3000", "sec-fetch-site": "cross-site"},
    ],
)
def test_a_page_from_another_origin_is_recognised(headers: dict[str, str]) -> None:
    """Another port is another origin: for example, a notebook server on the same laptop."""
    assert is_from_another_origin(HOST | headers, "GET")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:3000"},
        {"origin": "https://LOCALHOST:3000"},
        {"origin": "http://localhost:3000", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none", **LINK},
        {"sec-fetch-site": "same-site", **LINK},
        {"sec-fetch-site": "cross-site", **LINK},
    ],
)
def test_own_pages_and_programs_and_links_are_accepted(headers: dict[str, str]) -> None:
    """Airflow's button links to Dagster from another port; alerts link to it from another site."""
    assert not is_from_another_origin(HOST | headers, "GET")


def test_a_form_from_another_origin_is_not_a_link() -> None:
    """Submitting a form also opens a page, but can change data."""
    assert is_from_another_origin(HOST | LINK | {"sec-fetch-site": "cross-site"}, "POST")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:3000", "localhost"),
        ("LocalHost", "localhost"),
        ("[::1]:3000", "[::1]"),
        ("evil.example:80", "evil.example"),
        ("localhost:80:evil.example", ""),
        ("", ""),
    ],
)
def test_the_host_is_read_without_its_port(host: str, name: str) -> None:
    """Only the host name is compared with the allowed names."""
    assert name == host_name({"host": host})
