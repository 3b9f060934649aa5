"""Turns an HTTP response into the requested data, or into the right error.

What goes here: which failed requests may be retried. What stays out: sending (in `client`).
"""

from typing import Any

import httpx

from cryptoassets_airflow.errors import (
    DagsterError,
    DagsterRefusedError,
    DagsterUnavailableError,
    DagsterUnknownJobError,
)

RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_PERMANENT_CLASSES = frozenset({"ValueError", "TypeError", "CheckError", "ParameterCheckError"})
"""Errors in Dagster's HTTP 500 responses to wrong arguments, e.g. to a malformed partition key."""
_MAX_CHARACTERS = 2_000


def read_response(response: httpx.Response) -> dict[str, Any]:
    """Return the `data` of a GraphQL response.

    Raises:
        DagsterUnavailableError: the status is retryable, or the response is not GraphQL.
        DagsterRefusedError: Dagster rejects the request, or the token is missing or wrong.
    """
    where = f"Dagster at {response.request.url.copy_with(userinfo=b'')}"
    if reason := _permanent_error(response):
        raise DagsterRefusedError(
            f"{where} rejected the request: {reason}. A retry will not help; check the "
            "partition key and the other arguments of the task"
        )
    if response.status_code in RETRYABLE_STATUSES:
        raise DagsterUnavailableError(
            f"{where} answered HTTP {response.status_code}. A retry may help: {_start(response)}"
        )
    if response.status_code in {401, 403}:
        raise DagsterRefusedError(
            f"{where} answered HTTP {response.status_code}. A retry will not help; set the token "
            "as the password of the Airflow connection"
        )
    try:
        body = response.json()
    except ValueError as error:
        raise DagsterUnavailableError(
            f"{where} answered HTTP {response.status_code} without JSON. A retry may help, unless "
            f"the address belongs to another server: {_start(response)}"
        ) from error
    if not isinstance(body, dict) or not (body.get("data") or body.get("errors")):
        raise DagsterUnavailableError(f"{where} returned no GraphQL response: {_start(response)}")
    if body.get("errors"):
        messages = "; ".join(str(error.get("message", error)) for error in body["errors"])
        raise DagsterRefusedError(f"{where} refused the query: {messages[:_MAX_CHARACTERS]}")
    data: dict[str, Any] = body["data"]
    return data


def from_transport(error: httpx.HTTPError, url: str) -> DagsterUnavailableError:
    """Return the error for a failed request; it records whether the request may have arrived."""
    never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    return DagsterUnavailableError(
        f"Dagster at {url} does not answer ({type(error).__name__}: {error}). A retry may help; "
        "check that the webserver is running and that the Airflow connection has its address",
        may_have_arrived=not never_sent,
    )


def expect(response: dict[str, Any], *types: str, asked: str) -> dict[str, Any]:
    """Return the response to a query if it has one of these GraphQL types.

    `asked` describes the request in the error message, which begins with "Dagster did not".

    Raises:
        DagsterRefusedError: the request is invalid or not authorized.
        DagsterUnknownJobError: the code location or the job does not exist.
        DagsterError: the response has another type, e.g. because a code location is not loaded.
    """
    found = response["__typename"]
    if found in types:
        return response
    details = response.get("message") or _messages(response) or response.get("invalidStepKey") or ""
    sentence = f"Dagster did not {asked}: {found}: {details}"[:_MAX_CHARACTERS]
    if found in {"RunConfigValidationInvalid", "UnauthorizedError", "InvalidStepError"}:
        raise DagsterRefusedError(f"{sentence}. A retry will not help")
    if found == "PipelineNotFoundError":
        raise DagsterUnknownJobError(
            f"Dagster did not {asked}, which has no such job. Correct the job's name in the DAG; "
            "Dagster's page Jobs lists all jobs"
        )
    raise DagsterError(sentence)


def _messages(response: dict[str, Any]) -> str:
    return "; ".join(error["message"] for error in response.get("errors", ()))


def _permanent_error(response: httpx.Response) -> str:
    """Return the messages of permanent errors in an HTTP 500 response, or an empty string."""
    if response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
        return ""
    try:
        errors = response.json()["errors"]
        classes = {error["extensions"]["errorInfo"]["cls_name"] for error in errors}
        messages = "; ".join(str(error["message"]) for error in errors)
    except (ValueError, KeyError, TypeError):
        return ""
    return messages[:_MAX_CHARACTERS] if classes and classes <= _PERMANENT_CLASSES else ""


def _start(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:200]
