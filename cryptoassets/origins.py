"""Which requests come from a web page of another origin, or were sent to a foreign host name.

What goes here: judging headers. What stays out: HTTP itself (in `webserver.guard` and
`coincap_server.service`).

A browser sends requests to this machine for any page that asks it to, and names the page in
`Origin` or `Sec-Fetch-Site`. By DNS rebinding a page gives its own host name the address of this
machine: then the origin matches, and only `Host` gives it away. Programs that are no browsers send
`Host` alone.
"""

import re
from collections.abc import Mapping

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")

_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")


def host_name(headers: Mapping[str, str]) -> str:
    """Return the host that a request was sent to, in lower case and without its port."""
    match = _HOST.fullmatch(headers.get("host", "").lower())
    return match[1] if match else ""


def is_from_another_origin(headers: Mapping[str, str], method: str) -> bool:
    """Tell whether a page of another origin makes its browser send this request.

    A link does not count, because it only opens our page: Airflow's button is one.

    Args:
        headers: names in lower case.
        method: of HTTP; GET for WebSockets.
    """
    origin = headers.get("origin")
    # `null` is the origin of files and sandboxed frames.
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return True
    if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
        return False
    is_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return not (is_link and headers.get("sec-fetch-dest") == "document")
