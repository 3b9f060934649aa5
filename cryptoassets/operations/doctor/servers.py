"""Gathers facts about the source and the stores, without starting or logging in to anything.

What goes here: which programs would be used, whether they are running, and whether the servers
named in the settings accept connections. What stays out: what the facts mean (in `findings`).
"""

import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from cryptoassets.coincap.protocol import source_named
from cryptoassets.embedded import Stack, postgres_files
from cryptoassets.embedded.accounts import server_account
from cryptoassets.embedded.mongo import MONGOD, NX, MongoServer
from cryptoassets.embedded.postgres import PostgresServer
from cryptoassets.embedded.server import EmbeddedServer
from cryptoassets.embedded.source import source_header_of
from cryptoassets.environment import certificates
from cryptoassets.errors import EmbeddedError, SettingsError
from cryptoassets.operations.doctor import findings
from cryptoassets.operations.doctor.findings import Finding
from cryptoassets.settings import COINCAP_V3_URL, Settings, SourceKind

_CONNECT_SECONDS = 1.0
_NO_KEY = "For real prices set COINCAP_API_KEY (a free key: https://pro.coincap.io)"


def about_servers(settings: Settings) -> Iterator[Finding]:
    """Yield the findings about the source and both stores."""
    places = _named_places(settings)
    with ThreadPoolExecutor(max_workers=3) as pool:
        reachable = dict(zip(places, pool.map(_is_reachable, places.values()), strict=True))
    kind = _source_kind(settings, is_reachable=reachable.get("COINCAP_URL"))
    yield _source(settings, kind, is_reachable=reachable.get("COINCAP_URL"))
    stack = Stack(settings, source=kind)
    for name, variable, embedded in (
        ("MongoDB", "MONGO_URL", _embedded_mongo),
        ("PostgreSQL", "POSTGRES_URL", _embedded_postgres),
    ):
        if variable in places:
            place = places[variable]
            shown = f"{place[0]}:{place[1]}" if place else "several hosts"
            yield findings.address(name, variable, shown, is_reachable=reachable[variable])
        else:
            yield embedded(stack)


def _named_places(settings: Settings) -> dict[str, tuple[str, int] | None]:
    """Map the name of each configured URL to its host and port; None: several hosts, not tried."""
    mongo, postgres = settings.mongo_url, settings.postgres_url
    urls = {
        "COINCAP_URL": (
            settings.coincap_url,
            443 if "https:" in (settings.coincap_url or "") else 80,
        ),
        "MONGO_URL": (mongo.get_secret_value() if mongo else None, 27017),
        "POSTGRES_URL": (postgres.get_secret_value() if postgres else None, 5432),
    }
    return {name: _place(url, port) for name, (url, port) in urls.items() if url}


def _place(url: str, default_port: int) -> tuple[str, int] | None:
    parts = urlsplit(url)
    with suppress(ValueError):
        if "," not in parts.netloc and "+srv" not in parts.scheme and parts.hostname:
            return parts.hostname, parts.port or default_port
    return None


def _is_reachable(place: tuple[str, int] | None) -> bool | None:
    if place is None:
        return None
    try:
        socket.create_connection(place, timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _source_kind(settings: Settings, *, is_reachable: bool | None) -> SourceKind:
    known = settings.known_source
    if known is not None:
        return known
    url = (settings.coincap_url or "").rstrip("/")
    header = source_header_of(f"{url}/health") if is_reachable else None
    return source_named(header or "")


def _source(settings: Settings, kind: SourceKind, *, is_reachable: bool | None) -> Finding:
    url, has_key = settings.coincap_url, settings.coincap_api_key is not None
    if url and not is_reachable:
        found = f"{url} (from COINCAP_URL) accepts no connections"
        remedy = "Start it, or correct or unset COINCAP_URL"
        return Finding("source", "problem", found, remedy)
    if kind != "coincap":
        found = f"{kind}{f' at {url}' if url else ''}, prices are not real"
        return Finding("source", "ok", found, "" if url else _NO_KEY)
    found = f"CoinCap at {url or COINCAP_V3_URL}, key {'set' if has_key else 'not set'}"
    try:
        trusted = certificates()
    except SettingsError as error:
        return Finding("source", "problem", found, str(error))
    if not has_key:
        return Finding("source", "problem", found, "Set COINCAP_API_KEY, or unset COINCAP_URL")
    found += f", certificates from {trusted}" if trusted else ""
    return Finding("source", "ok", found, "`cryptoassets doctor --live` tries it")


def _embedded_mongo(stack: Stack) -> Finding:
    server = MongoServer(stack.source_home, _ignore)
    engine = server.state().engine or (MONGOD if shutil.which(MONGOD) else NX)
    if engine == MONGOD:
        found = shutil.which(MONGOD)
        if not found:
            remedy = "Install mongod again, or start over with `cryptoassets down --erase`"
            return Finding(
                "MongoDB", "problem", "its data needs mongod, which is not on PATH", remedy
            )
        return Finding("MongoDB", "ok", f"mongod, {found}, {_state(server)}")
    try:
        words = f"{NX} {version(NX)}, a stand-in, {_state(server)}"
    except PackageNotFoundError:
        remedy = "Run `make run` again, or set MONGO_URL"
        return Finding("MongoDB", "problem", f"neither mongod nor {NX} is installed", remedy)
    return Finding("MongoDB", "ok", words, "To use MongoDB, install it or set MONGO_URL")


def _embedded_postgres(stack: Stack) -> Finding:
    server = PostgresServer(stack.source_home, _ignore)
    try:
        programs = postgres_files.find_programs()
        account = server_account(server.folder)
    except EmbeddedError as error:
        return Finding("PostgreSQL", "problem", "cannot be started", str(error))
    found = f"{programs}, {_state(server)}"
    with suppress(PackageNotFoundError):
        found = f"{version('embedded-postgres')}, {_state(server)}"
    found += f", runs as {account.name}" if account else ""
    return Finding("PostgreSQL", "ok", found)


def _state(server: EmbeddedServer) -> str:
    port = server.running_port()
    return "stopped" if port is None else f"running on port {port}"


def _ignore(_sentence: str) -> None:
    """Drop a server's report; `doctor` starts no server."""
