"""Where Dagster's webserver is, as an Airflow connection says it.

What goes here: reading the connection. What stays out: speaking to the address (in `hook`).
"""

from dataclasses import dataclass, field
from typing import Any

from cryptoassets_airflow.errors import DagsterRefusedError

DEFAULT_PORT = 3000


@dataclass(frozen=True)
class DagsterAddress:
    """Dagster's webserver, for programs and for people.

    Attributes:
        root: what Airflow's machines ask, without a slash at its end.
        page_root: the same for a person's browser; may be another name for it.
        headers: sent with every request; may hold a token, hence never shown.
    """

    root: str
    page_root: str
    headers: dict[str, str] = field(repr=False)

    @property
    def graphql_url(self) -> str:
        """Where all requests go."""
        return f"{self.root}/graphql"

    @property
    def is_https(self) -> bool:
        """Whether certificates have to be looked at."""
        return self.root.startswith("https:")

    def run_page(self, run_id: str) -> str:
        """Return the address of a run's page."""
        return f"{self.page_root}/runs/{run_id}"


def read_address(connection: Any) -> DagsterAddress:
    """Take the address from a connection of type `http`, `dagster` or `generic`.

    Its URL: `url` of the extras; else the login, where dagster-airflow keeps it; else schema, host
    and port. `ui_url` of the extras is for people, the password is a bearer token.

    Raises:
        DagsterRefusedError: no URL in it.
    """
    extra = connection.extra_dejson
    url = extra.get("url") or _url_in_login(connection.login) or _url_of_host(connection)
    if not url:
        raise DagsterRefusedError(
            f"The Airflow connection {connection.conn_id!r} names no Dagster webserver. A retry "
            "will not help; set its host and port, or `url` in its extras"
        )
    root = url.rstrip("/").removesuffix("/graphql")
    token = connection.password
    return DagsterAddress(
        root=root,
        page_root=(extra.get("ui_url") or root).rstrip("/"),
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )


def _url_in_login(login: str | None) -> str | None:
    # A plain user name is no address: connections of type http may have one.
    return login if login and login.startswith(("http://", "https://")) else None


def _url_of_host(connection: Any) -> str | None:
    host: str | None = connection.host
    if not host:
        return None
    if "://" in host:
        return f"{host}:{connection.port}" if connection.port else host
    scheme = "https" if connection.schema == "https" else "http"
    return f"{scheme}://{host}:{connection.port or DEFAULT_PORT}"
