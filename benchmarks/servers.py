"""The MongoDB-compatible server from which all compared programs read: the fastest available.

What goes here: choosing and starting the server. What stays out: its documents (in `loading`).
"""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from benchmarks.homes import fresh_home
from benchmarks.measuring import BenchError

URL_VARIABLE = "BENCH_MONGO_URL"
STANDINS_VARIABLE = "CRYPTOASSETS_STANDINS"
IMAGE = "mongo:8.0"
_START_SECONDS = 90
_SLOW = (
    "!" * 78 + "\n"
    "Neither MongoDB nor Docker was found, so the embedded stand-in nx-27017 serves the\n"
    "documents. It is so slow that it hides the differences between the compared programs.\n"
    f"Set {URL_VARIABLE} to a real MongoDB.\n" + "!" * 78
)


@dataclass(frozen=True)
class Server:
    """A running server; `kind` describes it in the results."""

    url: str
    kind: str


@contextmanager
def fastest_server() -> Iterator[Server]:
    """Provide the server in BENCH_MONGO_URL, else one in Docker, else the product's own server."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        _await_response(named)
        yield Server(named, f"the server in {URL_VARIABLE}")
        return
    _build_stand_in()
    if _docker("info"):
        with _container() as server:
            yield server
        return
    with fresh_home() as home:
        is_real = shutil.which("mongod") is not None
        if not is_real:
            print(_SLOW, file=sys.stderr)
        kind = "mongod on PATH" if is_real else "embedded nx-27017: ratios are not meaningful"
        yield Server(home.addresses()["MONGO_URL"], kind)


def _build_stand_in() -> None:
    """Run the script in CRYPTOASSETS_STANDINS, if any: it builds a substitute for `IMAGE`."""
    script = os.environ.get(STANDINS_VARIABLE)
    if script:
        cache = Path.home() / ".cache" / "cryptoassets-standins"
        environment = {"STANDINS_CACHE": str(cache), **os.environ}
        # Use a log file: Docker's daemon keeps running and would keep this process's output open.
        with (cache.parent / "cryptoassets-bench-standins.log").open("w") as log:
            command = ["bash", script, "mongo"]
            subprocess.run(command, check=True, env=environment, stdout=log, stderr=log)


@contextmanager
def _container() -> Iterator[Server]:
    name = f"cryptoassets-bench-{uuid.uuid4().hex[:8]}"
    ended = _docker("run", "--detach", "--name", name, "--publish", "127.0.0.1::27017", IMAGE)
    if not ended:
        raise BenchError(f"Docker cannot run {IMAGE}. Pull it, or set {URL_VARIABLE}")
    try:
        published = _docker("port", name, "27017/tcp").split()[0]
        url = f"mongodb://{published}/"
        _await_response(url)
        ferretdb = _docker("exec", name, "sh", "-c", "command -v ferretdb || true").strip()
        yield Server(url, "FerretDB in Docker" if ferretdb else f"{IMAGE} in Docker")
    finally:
        _docker("rm", "--force", "--volumes", name)


def _docker(*arguments: str) -> str:
    """Return the output of a Docker command; empty if it failed or Docker is not installed."""
    if not shutil.which("docker"):
        return ""
    ended = subprocess.run(
        ["docker", *arguments],  # noqa: S607 - from PATH
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout if ended.returncode == 0 else ""


def _await_response(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with pymongo.MongoClient[dict[str, object]](
                url, serverSelectionTimeoutMS=2_000
            ) as client:
                client.admin.command("ping")
        except PyMongoError as error:
            if time.monotonic() > deadline:
                # Do not show the error itself: it may contain the URL's password.
                kind = type(error).__name__
                raise BenchError(f"MongoDB does not answer ({kind}); see {URL_VARIABLE}") from None
            time.sleep(0.5)
        else:
            return
