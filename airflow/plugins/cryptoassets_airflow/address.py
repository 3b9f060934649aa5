"""The address of Dagster's webserver, from an Airflow connection.

What goes here: reading the connection. What stays out: sending requests (in `client`).
"""

from dataclasses import dataclass, field
from typing import Any

from cryptoassets_airflow.errors import DagsterRefusedError

DEFAULT_PORT = 3000


@dataclass(frozen=True)
class DagsterAddress:
    """The addresses of Dagster's webserver for programs and for browsers.

    Attributes:
        root: URL for requests from Airflow's machines, without trailing slash.
        page_root: URL for a user's browser; may differ from `root`.
        headers: sent with every request; never shown, because they may contain a token.
    """

    root: str
    page_root: str
    headers: dict[str, str] = field(repr=False)

    @property
    def graphql_url(self) -> str:
        """The URL to which all requests are sent."""
        return f"{self.root}/graphql"

    @property
    def is_https(self) -> bool:
        """Whether requests use HTTPS; only then are certificates verified."""
        return self.root.startswith("https:")

    def run_page(self, run_id: str) -> str:
        """Return the URL of a run's page."""
        return f"{self.page_root}/runs/{run_id}"


def read_address(connection: Any) -> DagsterAddress:
    """Read the address from a connection of type `http`, `dagster` or `generic`.

    The URL is taken from `url` in the extras; else from the login, as dagster-airflow does; else
    from schema, host and port. `ui_url` in the extras is the URL for browsers. The password is
    sent as a bearer token.

    Raises:
        DagsterRefusedError: the connection contains no URL.
    """
    extra = connection.extra_dejson
    url = extra.get("url") or _url_in_login(connection.login) or _url_of_host(connection)
    if not url:
        raise DagsterRefusedError(
            f"The Airflow connection {connection.conn_id!r} has no URL of a Dagster webserver. A "
            "retry will not help; set its host and port, or `url` in its extras"
        )
    root = url.rstrip("/").removesuffix("/graphql")
    token = connection.password
    return DagsterAddress(
        root=root,
        page_root=(extra.get("ui_url") or root).rstrip("/"),
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )


def _url_in_login(login: str | None) -> str | None:
    # In connections of type http, the login may be a user name instead of a URL.
    return login if login and login.startswith(("http://", "https://")) else None


def _url_of_host(connection: Any) -> str | None:
    host: str | None = connection.host
    if not host:
        return None
    if "://" in host:
        return f"{host}:{connection.port}" if connection.port else host
    scheme = "https" if connection.schema == "https" else "http"
    return f"{scheme}://{host}:{connection.port or DEFAULT_PORT}"
