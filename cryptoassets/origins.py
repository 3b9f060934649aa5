"""Recognizes requests that come from another origin's web page or name a foreign host.

What goes here: checking headers. What stays out: HTTP itself (in `guard` and
`coincap_server.service`).

Any web page can make the browser send requests to this machine. The browser names the page's origin
in `Origin`, or describes it in `Sec-Fetch-Site`. With DNS rebinding, the host name of a foreign
page resolves to this machine. The origin then matches, and only `Host` shows the foreign name.
Programs other than browsers send only `Host`.
"""

import re
from collections.abc import Mapping

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")

_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")


def host_name(headers: Mapping[str, str]) -> str:
    """Return the host name in a request's `Host` header, in lower case and without the port."""
    match = _HOST.fullmatch(headers.get("host", "").lower())
    return match[1] if match else ""


def is_from_another_origin(headers: Mapping[str, str], method: str) -> bool:
    """Return whether a page from another origin made the browser send this request.

    A link, such as Airflow's button, does not count, because it only opens our page.

    Args:
        headers: the request's headers, with names in lower case.
        method: the HTTP method; GET for WebSockets.
    """
    origin = headers.get("origin")
    # `null` is the origin of files and sandboxed frames.
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return True
    if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
        return False
    is_link = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return not (is_link and headers.get("sec-fetch-dest") == "document")
