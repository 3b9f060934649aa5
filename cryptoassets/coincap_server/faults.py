r"""Makes this project's server return faulty responses on demand, for tests and demonstrations.

What goes here: the rules, and what each kind of fault does to a response. What stays out: faults
while a response is sent (in `server`).

`PUT /faults` takes a JSON list of rules. The first rule that matches a call and is not used up is
applied. `DELETE /faults` clears all rules.

    {"route": "/assets", "kind": "status", "status": 429, "retry_after": "2", "times": 1}

    route   "/assets", "/assets/{slug}", "/assets/{slug}/history", "/rates", a path such as
            "/assets/bitcoin/history", or "*" (default)
    times   number of calls to which the rule is applied; default: all
    after   number of matching calls that get a response without a fault first; default 0

    kind            does                                             further members
    status          returns an error                                 status, retry_after, body
                    (retry_after "date" sends an HTTP date about 1 s ahead; body replaces the JSON)
    reset           resets the connection without a response
    slow            sends the headers, then 1 byte per second
    truncated_gzip  compresses the body, and omits its second half
    bad_length      sends a Content-Length of twice the body's length
    html            sends an HTML page with status 200
    bad_utf8        puts the byte FF into the body
    bom             puts a byte order mark before the body
    too_deep        adds 10,000 nested lists to the envelope
    huge            appends `megabytes` MB of spaces (default 200)   megabytes
    empty           sends `data: []`
    no_data         sends an envelope without `data`
    deprecated      sends the body with which v2 announced its deprecation
    cut             keeps the first `coins` elements (default 30)    coins
    repeat_page     returns the first page for every offset
    freeze          returns data as of the time when the rule was set
    timestamp       replaces the timestamp with `value` (any JSON),  value, shift_ms
                    or adds `shift_ms` to it; with neither, no timestamp is sent
    patch           changes coins by id, or history points by date   coins
                    {"bitcoin": {"set": {"priceUsd": 5}, "delete": ["name"],
                     "raw": {"vwap24Hr": "NaN"}, "append": "\"rank\":\"1\"", "text": "[]"}}
                    set: JSON values; raw: JSON texts; append: text of more members, which may
                    be duplicates; text: the whole coin as text; null instead of a patch omits
                    the coin
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from cryptoassets.coincap_server.exchange import (
    HttpResponse,
    Reply,
    Request,
    TransferFault,
    error_reply,
)

ReplyTo = Callable[[Request, int], Reply]

_TRANSFER_FAULTS: tuple[TransferFault, ...] = ("reset", "slow", "truncated_gzip", "bad_length")
_CONTENTS = ("empty", "no_data", "deprecated", "cut", "timestamp", "patch")
_BODIES = ("html", "bad_utf8", "bom", "too_deep", "huge")
_REQUESTS = ("repeat_page", "freeze")
KINDS = ("status", *_TRANSFER_FAULTS, *_BODIES, *_REQUESTS, *_CONTENTS)

_DEPRECATION_NOTICE = (
    "We are deprecating this version of the CoinCap API on March 31, 2025. "
    "Sign up for our new V3 API at https://pro.coincap.io/dashboard"
)
_HTML = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
_NESTING = 10_000
_MEGABYTE = 1_000_000


class InvalidFaultError(ValueError):
    """A rule is invalid; the message explains why."""


@dataclass
class Rule:
    """One rule; `seen` counts the calls that matched its route."""

    route: str
    kind: str
    options: dict[str, Any]
    set_at_ms: int
    seen: int = 0

    def is_for(self, path: str, route: str) -> bool:
        """Count the call if its route matches; return whether the rule applies to it."""
        if self.route not in ("*", path, route):
            return False
        self.seen += 1
        after = self.options.get("after", 0)
        times = self.options.get("times")
        return self.seen > after and (times is None or self.seen <= after + times)

    def apply(self, request: Request, now_ms: int, reply_to: ReplyTo) -> HttpResponse:
        """Return the faulty response."""
        if self.kind == "status":
            return self._status(now_ms)
        if self.kind == "freeze":
            now_ms = self.set_at_ms
        if self.kind == "repeat_page":
            request = replace(request, query={**request.query, "offset": "0"})
        reply = reply_to(request, now_ms)
        if self.kind in _CONTENTS and reply.status == HTTPStatus.OK:
            reply = self._with_content_fault(reply)
        return self._with_body_fault(reply)

    def _status(self, now_ms: int) -> HttpResponse:
        status = self.options.get("status", HTTPStatus.INTERNAL_SERVER_ERROR)
        wire = error_reply(status, HTTPStatus(status).phrase, now_ms).wire()
        if "body" in self.options:
            wire = replace(wire, body=str(self.options["body"]).encode())
        retry_after = self.options.get("retry_after")
        if retry_after == "date":
            # HTTP dates have whole seconds: 1.5 s is still in the future after rounding down.
            soon = datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(seconds=1.5)
            retry_after = format_datetime(soon, usegmt=True)
        return wire if retry_after is None else wire.with_header("Retry-After", str(retry_after))

    def _with_content_fault(self, reply: Reply) -> Reply:
        items = reply.items or ()
        match self.kind:
            case "empty":
                return replace(reply, items=())
            case "no_data":
                return replace(reply, items=None, data=None)
            case "deprecated":
                return replace(reply, items=None, data=json.dumps({"message": _DEPRECATION_NOTICE}))
            case "cut":
                return replace(reply, items=items[: self.options.get("coins", 30)])
            case "timestamp":
                return replace(reply, timestamp=self._timestamp(reply))
        patches = self.options.get("coins", {})
        patched = (_patched(item, patches) for item in items)
        return replace(reply, items=tuple(item for item in patched if item is not None))

    def _timestamp(self, reply: Reply) -> str | None:
        if "shift_ms" in self.options and reply.timestamp is not None:
            return str(int(reply.timestamp) + self.options["shift_ms"])
        return json.dumps(self.options["value"]) if "value" in self.options else None

    def _with_body_fault(self, reply: Reply) -> HttpResponse:
        wire = reply.wire()
        match self.kind:
            case "html":
                return HttpResponse(HTTPStatus.OK, _HTML, {"Content-Type": "text/html"})
            case "bad_utf8":
                return replace(wire, body=wire.body.replace(b'"name":"', b'"name":"\xff', 1))
            case "bom":
                return replace(wire, body=b"\xef\xbb\xbf" + wire.body)
            case "too_deep":
                nested = b"[" * _NESTING + b"]" * _NESTING
                return replace(wire, body=wire.body.replace(b"{", b'{"deep":' + nested + b",", 1))
            case "huge":
                spaces = b" " * (self.options.get("megabytes", 200) * _MEGABYTE)
                return replace(wire, body=wire.body + spaces)
        transfer_fault = next((kind for kind in _TRANSFER_FAULTS if kind == self.kind), None)
        return replace(wire, transfer_fault=transfer_fault)


class Faults:
    """The current rules."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def replace(self, rules: Any, now_ms: int) -> None:
        """Replace all rules with a list of rules from parsed JSON.

        Raises:
            InvalidFaultError: the JSON is not a list of objects, or a kind does not exist.
        """
        if not isinstance(rules, list):
            raise InvalidFaultError("faults are a JSON list of rules")
        new_rules = [_rule(rule, now_ms) for rule in rules]
        with self._lock:
            self._rules = new_rules

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules as set, with the number of calls that each has matched."""
        with self._lock:
            return [
                {"route": r.route, "kind": r.kind, **r.options, "seen": r.seen} for r in self._rules
            ]

    def take(self, path: str, route: str) -> Rule | None:
        """Count a call and return the rule to apply to it; None: no rule applies."""
        with self._lock:
            return next((rule for rule in self._rules if rule.is_for(path, route)), None)


def _rule(rule: Any, now_ms: int) -> Rule:
    if not isinstance(rule, dict) or rule.get("kind") not in KINDS:
        raise InvalidFaultError(f"a rule is an object with a kind of: {', '.join(KINDS)}")
    options = {name: value for name, value in rule.items() if name not in ("route", "kind")}
    return Rule(rule.get("route", "*"), rule["kind"], options, now_ms)


def _patched(item: str, patches: dict[str, dict[str, Any] | None]) -> str | None:
    members = {key: json.dumps(value) for key, value in json.loads(item).items()}
    name = json.loads(members.get("id", members.get("date", "null")))
    if name not in patches:
        return item
    patch = patches[name]
    if patch is None:
        return None
    if "text" in patch:
        return str(patch["text"])
    members |= {key: json.dumps(value) for key, value in patch.get("set", {}).items()}
    members |= patch.get("raw", {})
    for key in patch.get("delete", []):
        members.pop(key, None)
    texts = [f"{json.dumps(key)}:{value}" for key, value in members.items()]
    return "{" + ",".join([*texts, *([patch["append"]] if "append" in patch else [])]) + "}"
