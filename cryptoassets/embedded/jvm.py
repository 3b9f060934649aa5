"""Spark's JVM as a process that we start ourselves, with a timeout, a log and an environment.

What goes here: starting the JVM and getting its address. What stays out: its configuration and the
session (in `resources`), choosing a Java (in `java`), its environment variables (in `environment`).

PySpark could start the JVM itself. But on a full disk the JVM never writes its address: PySpark
would wait for it forever, and the JVM would outlive PySpark.
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
from cryptoassets.shortages import disk_problem, shortage_message

START_SECONDS = 120.0
_CHECK_SECONDS = 2.0
_TAIL_BYTES = 20_000
_MIN_OPEN_FILES = 400
"""Java needs to open this many files; with a lower limit its errors are unclear."""
_MAIN_THREAD_ENDED = 'Exception in thread "main"'


@dataclass(frozen=True)
class Jvm:
    """A JVM ready for PySpark; it exits when its standard input is closed, e.g. if we die."""

    process: "subprocess.Popen[bytes]"
    port: int
    secret: str
    log: Path
    log_start: int

    def output_tail(self) -> str:
        """Return the end of the JVM's output, which usually shows why the JVM ended."""
        return _output_tail(self.log, self.log_start)

    def end(self) -> None:
        """Kill the JVM and the remaining processes of its start script."""
        _end(self.process)


@dataclass(frozen=True)
class _StartingJvm:
    """A JVM that is starting, its configuration, and the folder where it will write its address."""

    config: Mapping[str, str]
    environment: Mapping[str, str]
    scratch: "tempfile.TemporaryDirectory[str]"
    process: "subprocess.Popen[bytes]"
    log_start: int

    @property
    def address(self) -> Path:
        return _address_in(self.scratch)

    def end(self) -> None:
        _end(self.process)
        self.scratch.cleanup()


_prestarted: list[_StartingJvm] = []
"""The JVM started in advance that `start_jvm` has not taken yet."""


def prestart_jvm(
    config: Mapping[str, str], environment: Mapping[str, str], folder: Path, log: Path
) -> None:
    """Start the JVM without waiting; the next `start_jvm` with the same arguments uses this JVM.

    Raises:
        EmbeddedError: the JVM failed immediately; the message gives the reason.
    """
    _prestarted.append(_begin(config, environment, folder, log))


def end_prestarted_jvm() -> None:
    """End the JVM that was started in advance if `start_jvm` has not taken it."""
    while _prestarted:
        _prestarted.pop().end()


def start_jvm(
    config: Mapping[str, str], environment: Mapping[str, str], folder: Path, log: Path
) -> Jvm:
    """Start the JVM, or take the one that was started in advance, and wait until it is ready.

    Args:
        config: Spark's configuration.
        environment: the JVM's whole environment.
        folder: where a temporary file with the JVM's address is created.
        log: file to which all output of the JVM is appended.

    Raises:
        EmbeddedError: the JVM did not start and was ended; the message gives the reason.
    """
    starting = _prestarted.pop() if _prestarted else None
    if starting and (starting.config, starting.environment) != (config, environment):
        starting.end()
        starting = None
    starting = starting or _begin(config, environment, folder, log)
    try:
        with starting.scratch:
            log_start, process = starting.log_start, starting.process
            try:
                _await(starting.address, process, lambda: _has_failed(folder, log, log_start))
                port, secret = _read_address(starting.address)
            except BaseException as error:
                _end(process)
                if isinstance(error, _NotStartedError):
                    raise _explained(error, log, log_start, folder) from None
                raise
    except OSError as error:
        raise _not_started(error) from error
    return Jvm(process, port, secret, log, log_start)


def _begin(
    config: Mapping[str, str], environment: Mapping[str, str], folder: Path, log: Path
) -> _StartingJvm:
    _, max_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_short = max_files != resource.RLIM_INFINITY and max_files < _MIN_OPEN_FILES
    problem = shortage_message("too many open files") if is_short else disk_problem(folder)
    if problem:
        raise EmbeddedError(f"Spark cannot be started. {problem}")
    try:
        scratch = tempfile.TemporaryDirectory(dir=folder, prefix="start-")
        passed = {**environment, "_PYSPARK_DRIVER_CONN_INFO_PATH": str(_address_in(scratch))}
        try:
            log_start, process = _launch(config, passed, log)
        except BaseException:
            scratch.cleanup()
            raise
    except OSError as error:
        raise _not_started(error) from error
    return _StartingJvm(config, environment, scratch, process, log_start)


def _address_in(scratch: "tempfile.TemporaryDirectory[str]") -> Path:
    return Path(scratch.name) / "address"


def _not_started(error: OSError) -> EmbeddedError:
    remedy = (
        shortage_message(str(error)) or "Make it readable and writable, then run the command again"
    )
    return EmbeddedError(f"Spark cannot be started: {error}. {remedy}")


def _launch(
    config: Mapping[str, str], environment: Mapping[str, str], log: Path
) -> "tuple[int, subprocess.Popen[bytes]]":
    """Start the process; return where its output begins in the log, and the process."""
    spark = _spark_home()
    options = [part for key, value in config.items() for part in ("--conf", f"{key}={value}")]
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".old"))
    with log.open("ab") as output:
        log_start = output.tell()
        process = subprocess.Popen(
            [f"{spark}/bin/spark-submit", *options, "pyspark-shell"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**environment, "SPARK_HOME": spark, "SPARK_CONNECT_MODE": "0"},
            # Ctrl-C must reach only us, and `_end` must kill the script's children too.
            start_new_session=True,
        )
        return log_start, process


def _spark_home() -> str:
    """Return the folder of the installed PySpark without importing it, which is slow."""
    spec = importlib.util.find_spec("pyspark")
    return str(spec and spec.submodule_search_locations and spec.submodule_search_locations[0])


class _NotStartedError(Exception):
    """The JVM ended, or did not become ready in time."""


def _await(
    address: Path, process: "subprocess.Popen[bytes]", has_failed: Callable[[], bool]
) -> None:
    deadline = time.monotonic() + START_SECONDS
    next_check = time.monotonic() + _CHECK_SECONDS
    while not address.exists():
        if process.poll() is not None:
            raise _NotStartedError("it ended at once")
        now = time.monotonic()
        if now > deadline:
            raise _NotStartedError(f"it was not ready within {START_SECONDS:.0f} s")
        if now > next_check:
            if has_failed():
                raise _NotStartedError("it failed and did not end")
            next_check = now + _CHECK_SECONDS
        time.sleep(0.02)


def _has_failed(folder: Path, log: Path, log_start: int) -> bool:
    """Return whether a live JVM will never write its address, e.g. because its main thread died."""
    return disk_problem(folder) is not None or _MAIN_THREAD_ENDED in _output_tail(log, log_start)


def _output_tail(log: Path, log_start: int) -> str:
    try:
        return log.read_bytes()[log_start:][-_TAIL_BYTES:].decode(errors="replace")
    except OSError:
        return ""


def _read_address(file: Path) -> tuple[int, str]:
    """Read what `PythonGatewayServer` wrote atomically: a port, a length, a secret."""
    content = file.read_bytes()
    port, length = struct.unpack(">ii", content[:8])
    return port, content[8 : 8 + length].decode()


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _explained(error: _NotStartedError, log: Path, log_start: int, folder: Path) -> EmbeddedError:
    output = _output_tail(log, log_start)
    remedy = disk_problem(folder) or shortage_message(output)
    if remedy:
        return EmbeddedError(f"Spark cannot be started. {remedy}")
    errors = [line for line in output.splitlines() if "rror" in line or "xception" in line]
    first_line = (errors or output.splitlines() or [""])[0].strip()
    reason = f"{error} ({first_line})" if first_line else str(error)
    return EmbeddedError(f"Spark cannot be started: {reason}. The whole log is in {log}")
