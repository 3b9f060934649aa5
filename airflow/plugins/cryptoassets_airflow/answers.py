"""From an HTTP answer to the part that was asked for, or to the right error.

What goes here: which answers are worth another try. What stays out: sending (in `hook`).
"""

from typing import Any

import httpx

from cryptoassets_airflow.errors import DagsterError, DagsterRefusedError, DagsterUnavailableError

LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST = 2_000


def read_answer(response: httpx.Response) -> dict[str, Any]:
    """Return the `data` of a GraphQL answer.

    Raises:
        DagsterUnavailableError: a status that says "later", or no GraphQL in the answer.
        DagsterRefusedError: any other status, or GraphQL finds the request wrong.
    """
    where = f"Dagster at {response.request.url.copy_with(userinfo=b'')}"
    if response.status_code in LATER:
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
            f"the address is another server's: {_start(response)}"
        ) from error
    if not isinstance(body, dict) or not (body.get("data") or body.get("errors")):
        raise DagsterUnavailableError(f"{where} gave no GraphQL answer: {_start(response)}")
    if body.get("errors"):
        words = "; ".join(str(error.get("message", error)) for error in body["errors"])
        raise DagsterRefusedError(f"{where} refused the query: {words[:_LONGEST]}")
    answer: dict[str, Any] = body["data"]
    return answer


def from_transport(error: httpx.HTTPError, url: str) -> DagsterUnavailableError:
    """Name what went wrong below HTTP, and whether Dagster may have got the request."""
    never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    return DagsterUnavailableError(
        f"Dagster at {url} does not answer ({type(error).__name__}: {error}). A retry may help; "
        "see that the webserver runs and that the Airflow connection names it",
        may_have_arrived=not never_sent,
    )


def expect(answer: dict[str, Any], *types: str, asked: str) -> dict[str, Any]:
    """Return the answer if it is of one of these GraphQL types.

    `asked` is what was asked for, for the message.

    Raises:
        DagsterRefusedError: asked wrongly.
        DagsterError: anything else; Dagster may have been busy, or a code location not loaded.
    """
    found = answer["__typename"]
    if found in types:
        return answer
    details = answer.get("message") or _messages(answer) or answer.get("invalidStepKey") or ""
    sentence = f"Dagster did not {asked}: {found}: {details}"[:_LONGEST]
    if found in {"RunConfigValidationInvalid", "UnauthorizedError", "InvalidStepError"}:
        raise DagsterRefusedError(f"{sentence}. A retry will not help")
    raise DagsterError(sentence)


def _messages(answer: dict[str, Any]) -> str:
    return "; ".join(error["message"] for error in answer.get("errors", ()))


def _start(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:200]
