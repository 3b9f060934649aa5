"""Makes one GET request in bounded time and memory.

What goes here: sockets, time-outs, the rate limit. What stays out: what a status means (in
`verdicts`), retries (in `retries`) and credits (in `client`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from time import monotonic
from urllib.parse import urlsplit

import requests
from requests_ratelimiter import LimiterSession
from urllib3.exceptions import HTTPError, ReadTimeoutError

from cryptoassets.coincap.bodies import CHUNK_BYTES, BoundedBody
from cryptoassets.coincap.deadlines import CutOff, DeadlineAdapter
from cryptoassets.coincap.models import Timeouts
from cryptoassets.coincap.redaction import BearerKey
from cryptoassets.environment import certificates
from cryptoassets.errors import SettingsError

CALLS_PER_MINUTE = 600
"""CoinCap's limit, which is the same for every plan."""
_UNUSABLE_PROXY = (requests.exceptions.InvalidSchema, requests.exceptions.InvalidProxyURL)
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Received:
    """A response; `fault` is a reason code if its body is incomplete or unusable, else None."""

    status: int
    headers: dict[str, str]
    body: bytes
    fetched_at: datetime
    fault: str | None = None


@dataclass(frozen=True)
class NoResponse:
    """A call without a response; if the request `was_sent`, the server may have charged for it."""

    why: str
    was_sent: bool


class Transport:
    """One HTTP session with a rate limit and a deadline per call."""

    def __init__(
        self, base_url: str, key: BearerKey, timeouts: Timeouts, now: Callable[[], datetime]
    ) -> None:
        self._key = key
        self._timeouts = timeouts
        self._now = now
        # `limit_statuses` is empty: otherwise the session would delay the calls that follow a 429.
        # The client decides when to retry.
        self._session: requests.Session = LimiterSession(
            per_minute=CALLS_PER_MINUTE, limit_statuses=(), max_delay=timeouts.total_seconds
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, DeadlineAdapter())
        if urlsplit(base_url).hostname in _LOOPBACK_HOSTS:
            self._session.trust_env = False  # a proxy cannot reach a loopback address
        elif base_url.startswith("https:"):
            certificates()

    def close(self) -> None:
        """Close the connections and end the rate limiter's thread."""
        self._session.close()

    def get(self, url: str, deadline: float) -> Received | NoResponse:
        """Make one request.

        Args:
            url: the full URL.
            deadline: when to stop the call if it is still running, as a `time.monotonic` value.
        """
        timeouts = (self._timeouts.connect_seconds, self._timeouts.read_seconds)
        with CutOff(deadline):
            try:
                response = self._session.get(
                    url,
                    headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
                    # Pass the key as `auth`: an entry in ~/.netrc would replace a header.
                    auth=self._authorize,
                    timeout=timeouts,
                    stream=True,
                    allow_redirects=False,
                )
            except _UNUSABLE_PROXY as error:
                # The text of the original error may contain the proxy's password.
                raise SettingsError(
                    "The proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used: its "
                    "URL must look like http://host:3128. A retry will not help; correct or unset "
                    "the variable"
                ) from error
            except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
                return self._no_response(error, deadline)
            with response:
                return self._received(response, deadline)

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._key.header())
        return request

    def _received(self, response: requests.Response, deadline: float) -> Received | NoResponse:
        body = BoundedBody(response.headers.get("Content-Encoding", ""))
        try:
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                body.add(chunk)
                if body.fault or monotonic() >= deadline:
                    break
            fault = body.fault or body.end()
        except (HTTPError, HTTPException) as error:
            if isinstance(error, ReadTimeoutError) or _is_reset(error):
                return self._no_response(error, deadline)
            fault = "truncated"
        except OSError as error:
            return self._no_response(error, deadline)
        if monotonic() >= deadline:
            return NoResponse(self._timeout_reason(), was_sent=True)
        if body.fault:
            response.raw.close()  # a connection with unread bytes must not be reused
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Received(response.status_code, headers, body.content, self._now(), fault)

    def _timeout_reason(self) -> str:
        return f"the server sent no complete response within {self._timeouts.total_seconds:g} s"

    def _no_response(self, error: Exception, deadline: float) -> NoResponse:
        if monotonic() >= deadline:
            return NoResponse(self._timeout_reason(), was_sent=True)
        if isinstance(error, requests.ConnectTimeout):
            seconds = self._timeouts.connect_seconds
            return NoResponse(f"no connection within {seconds:g} s", was_sent=False)
        if isinstance(error, requests.Timeout | ReadTimeoutError):
            seconds = self._timeouts.read_seconds
            return NoResponse(f"the server sent nothing for {seconds:g} s", was_sent=True)
        why = _why_never_sent(error)
        if why is not None:
            return NoResponse(why, was_sent=False)
        return NoResponse("the server broke the connection", was_sent=True)


def _why_never_sent(error: Exception) -> str | None:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names did not reach the server"
    if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
        return "the server refused the connection or is unknown"
    if isinstance(error, requests.exceptions.SSLError):
        return "the server's TLS certificate cannot be verified, or TLS failed"
    return None


def _is_reset(error: BaseException) -> bool:
    return any(isinstance(part, OSError) for part in (error, *error.args, error.__cause__))
