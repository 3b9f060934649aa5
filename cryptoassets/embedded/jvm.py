"""Spark's JVM as a process that we start ourselves, with a bound, a log and an environment.

What goes here: starting it and getting its address. What stays out: its configuration and the
session (in `resources`), which Java (in `java`), which variables it sees (in `environment`).

PySpark would start it too, but waits without bound for an address that a JVM on a full disk never
writes, and such a JVM outlives its parent.
"""

import contextlib
import importlib.util
import os
import resource
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptoassets.embedded.processes import LOG_BYTES_KEPT
from cryptoassets.errors import EmbeddedError
from cryptoassets.shortages import disk_remedy, remedy_of

START_SECONDS = 120.0
_LOOK_SECONDS = 2.0
_LAST_BYTES = 20_000
_FEWEST_FILES = 400
"""Open files that Java needs; with fewer it fails in unclear ways. Spark has 250 libraries."""
_MAIN_IS_GONE = 'Exception in thread "main"'


@dataclass(frozen=True)
class Jvm:
    """A JVM that waits for PySpark; it ends when its standard input is closed, as by our death."""

    process: "subprocess.Popen[bytes]"
    port: int
    secret: str
    log: Path
    log_began_at: int

    def said(self) -> str:
        """Return the end of its output, which usually shows why it ended."""
        return _said(self.log, self.log_began_at)

    def end(self) -> None:
        """Kill it, and whatever its start script has left."""
        _end(self.process)


@dataclass(frozen=True)
class _Begun:
    """A JVM on its way, what it was started with, and the folder that gets its address."""

    config: Mapping[str, str]
    environment: Mapping[str, str]
    scratch: "tempfile.TemporaryDirectory[str]"
    process: "subprocess.Popen[bytes]"
    log_began_at: int

    @property
    def address(self) -> Path:
        return _address_in(self.scratch)

    def end(self) -> None:
        _end(self.process)
        self.scratch.cleanup()


_begun: list[_Begun] = []
"""The JVM that nothing has taken yet."""


def begin_jvm(
    config: Mapping[str, str], environment: Mapping[str, str], folder: Path, log: Path
) -> None:
    """Start the JVM and do not wait: the first `start_jvm` with the same arguments takes it.

    Raises:
        EmbeddedError: as by `start_jvm`, as far as it is known at once.
    """
    _begun.append(_begin(config, environment, folder, log))


def end_begun_jvm() -> None:
    """End the JVM that nothing has taken."""
    while _begun:
        _begun.pop().end()


def start_jvm(
    config: Mapping[str, str], environment: Mapping[str, str], folder: Path, log: Path
) -> Jvm:
    """Start the JVM, or take the one that was begun, and return its address.

    Args:
        config: Spark's configuration.
        environment: all that the JVM sees.
        folder: for the passing file with its address.
        log: gets all that it prints.

    Raises:
        EmbeddedError: it did not start, and is gone; the message says why.
    """
    begun = _begun.pop() if _begun else None
    if begun and (begun.config, begun.environment) != (config, environment):
        begun.end()
        begun = None
    begun = begun or _begin(config, environment, folder, log)
    try:
        with begun.scratch:
            began_at, process = begun.log_began_at, begun.process
            try:
                _await(begun.address, process, lambda: _has_failed(folder, log, began_at))
                port, secret = _read_address(begun.address)
            except BaseException as error:
                _end(process)
                if isinstance(error, _NotStartedError):
                    raise _explained(error, log, began_at, folder) from None
                raise
    except OSError as error:
        raise _not_started(error) from error
    return Jvm(process, port, secret, log, began_at)


def _begin(
    config: Mapping[str, str], environment: Mapping[str, str], folder: Path, log: Path
) -> _Begun:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_short = most_files != resource.RLIM_INFINITY and most_files < _FEWEST_FILES
    problem = remedy_of("too many open files") if is_short else disk_remedy(folder)
    if problem:
        raise EmbeddedError(f"Spark cannot be started. {problem}")
    try:
        scratch = tempfile.TemporaryDirectory(dir=folder, prefix="start-")
        passed = {**environment, "_PYSPARK_DRIVER_CONN_INFO_PATH": str(_address_in(scratch))}
        try:
            began_at, process = _launch(config, passed, log)
        except BaseException:
            scratch.cleanup()
            raise
    except OSError as error:
        raise _not_started(error) from error
    return _Begun(config, environment, scratch, process, began_at)


def _address_in(scratch: "tempfile.TemporaryDirectory[str]") -> Path:
    return Path(scratch.name) / "address"


def _not_started(error: OSError) -> EmbeddedError:
    remedy = remedy_of(str(error)) or "See that it can be read and written, then run it again"
    return EmbeddedError(f"Spark cannot be started: {error}. {remedy}")


def _launch(
    config: Mapping[str, str], environment: Mapping[str, str], log: Path
) -> "tuple[int, subprocess.Popen[bytes]]":
    """Start the process; return also where its words begin in the log."""
    spark = _spark_home()
    options = [part for key, value in config.items() for part in ("--conf", f"{key}={value}")]
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".old"))
    with log.open("ab") as output:
        began_at = output.tell()
        process = subprocess.Popen(
            [f"{spark}/bin/spark-submit", *options, "pyspark-shell"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**environment, "SPARK_HOME": spark, "SPARK_CONNECT_MODE": "0"},
            # Ctrl-C is for us alone; and what the script starts must end with it.
            start_new_session=True,
        )
        return began_at, process


def _spark_home() -> str:
    """The folder of the installed PySpark, which is not imported: that takes a while."""
    spec = importlib.util.find_spec("pyspark")
    return str(spec and spec.submodule_search_locations and spec.submodule_search_locations[0])


class _NotStartedError(Exception):
    """The JVM ended, or the wait did."""


def _await(
    address: Path, process: "subprocess.Popen[bytes]", has_failed: Callable[[], bool]
) -> None:
    deadline = time.monotonic() + START_SECONDS
    look_at = time.monotonic() + _LOOK_SECONDS
    while not address.exists():
        if process.poll() is not None:
            raise _NotStartedError("it ended at once")
        now = time.monotonic()
        if now > deadline:
            raise _NotStartedError(f"it was not ready within {START_SECONDS:.0f} s")
        if now > look_at:
            if has_failed():
                raise _NotStartedError("it failed and did not end")
            look_at = now + _LOOK_SECONDS
        time.sleep(0.02)


def _has_failed(folder: Path, log: Path, began_at: int) -> bool:
    """Tell whether a JVM that lives will never write its address: its main thread may be gone."""
    return disk_remedy(folder) is not None or _MAIN_IS_GONE in _said(log, began_at)


def _said(log: Path, began_at: int) -> str:
    try:
        return log.read_bytes()[began_at:][-_LAST_BYTES:].decode(errors="replace")
    except OSError:
        return ""


def _read_address(file: Path) -> tuple[int, str]:
    """Read what `PythonGatewayServer` wrote in one step: a port, a length, a secret."""
    content = file.read_bytes()
    port, length = struct.unpack(">ii", content[:8])
    return port, content[8 : 8 + length].decode()


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _explained(error: _NotStartedError, log: Path, began_at: int, folder: Path) -> EmbeddedError:
    said = _said(log, began_at)
    remedy = disk_remedy(folder) or remedy_of(said)
    if remedy:
        return EmbeddedError(f"Spark cannot be started. {remedy}")
    telling = [line for line in said.splitlines() if "rror" in line or "xception" in line]
    words = (telling or said.splitlines() or [""])[0].strip()
    why = f"{error} ({words})" if words else str(error)
    return EmbeddedError(f"Spark cannot be started: {why}. The whole log is in {log}")
