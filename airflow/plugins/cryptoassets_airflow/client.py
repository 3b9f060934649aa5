"""Sends GraphQL requests over HTTP, with timeouts and retries.

What stays out: the content of requests (in `hook`), the meaning of responses (in `responses`).
"""

import logging
import random
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import httpx

from cryptoassets_airflow.address import DagsterAddress
from cryptoassets_airflow.errors import DagsterUnavailableError
from cryptoassets_airflow.responses import from_transport, read_response

CONNECT_SECONDS = 5.0
# Dagster responds to a launch when the run is queued or its process has started (up to 27 s).
READ_SECONDS = 60.0
TRIES = 5
_MAX_DELAY_SECONDS = 15

# At level INFO, httpx would write a line to the task's log for each poll.
logging.getLogger("httpx").setLevel(logging.WARNING)


class GraphQLClient:
    """Sends GraphQL requests to one webserver.

    Args:
        read_seconds: how long to wait for one response.
    """

    def __init__(self, address: DagsterAddress, *, read_seconds: float = READ_SECONDS) -> None:
        self.address = address
        self._timeout = httpx.Timeout(read_seconds, connect=CONNECT_SECONDS)

    def ask(
        self, query: str, variables: dict[str, Any], field: str, *, tries: int = TRIES
    ) -> dict[str, Any]:
        """Return one field of the response; use `tries=1` for requests that must not be repeated.

        Raises:
            DagsterUnavailableError: each try got no response or a retryable error.
            DagsterRefusedError: the request or the token is wrong.
        """
        for delay in _delays(tries):
            try:
                return self._ask_once(query, variables, field)
            except DagsterUnavailableError as error:
                last = error
            if delay is not None:
                time.sleep(delay)
        raise last

    async def async_ask(
        self, client: httpx.AsyncClient, query: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        """Send a single request; return all fields of the response."""
        body = {"query": query, "variables": variables}
        try:
            response = await client.post(self.address.graphql_url, json=body)
        except httpx.HTTPError as error:
            raise from_transport(error, self.address.root) from error
        return read_response(response)

    def async_client(self) -> httpx.AsyncClient:
        """Return a client for `async_ask`; the caller closes it."""
        return httpx.AsyncClient(**self._options)

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(**self._options)

    @property
    def _options(self) -> dict[str, Any]:
        # Loading the CA certificates takes 30 ms, and http URLs do not need them.
        return {
            "headers": self.address.headers,
            "timeout": self._timeout,
            "verify": self.address.is_https,
        }

    def _ask_once(self, query: str, variables: dict[str, Any], field: str) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        try:
            response = self._client.post(self.address.graphql_url, json=body)
        except httpx.HTTPError as error:
            raise from_transport(error, self.address.root) from error
        result: dict[str, Any] = read_response(response)[field]
        return result


def _delays(tries: int) -> Iterator[float | None]:
    """Yield the seconds to wait after each try, with jitter; None after the last try."""
    for attempt in range(tries - 1):
        yield min(2**attempt, _MAX_DELAY_SECONDS) * random.uniform(0.5, 1)  # noqa: S311 - no secret
    yield None
