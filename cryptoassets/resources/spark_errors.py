"""Translates Spark's errors into ours, and ends Spark's jobs on an interrupt.

What goes here: replacing a Java stack trace with one sentence, and deciding whether a retry can
help. What stays out: the session (in `spark`).
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException

from cryptoassets import errors
from cryptoassets.embedded import Stack
from cryptoassets.errors import (
    CryptoassetsError,
    NoExecutorError,
    SparkJobError,
    StoreUnavailableError,
    UpstreamNotMaterializedError,
)
from cryptoassets.resources.spark import jvm_exit_code, jvm_output_tail
from cryptoassets.resources.spark_executors import why_stopped
from cryptoassets.settings import load_settings
from cryptoassets.shortages import disk_problem, shortage_message

_FILE_MISSING = ("FILE_NOT_EXIST", "FileNotFoundException", "PATH_NOT_FOUND")
_UNREADABLE = "FAILED_READ_FILE"
_RAISED_BY_TASK = re.compile(rf"^{re.escape(errors.__name__)}\.(\w+): (.+)$", re.MULTILINE)


@contextmanager
def spark_errors() -> Iterator[None]:
    """Turn errors from Spark and from the connection to its JVM into our errors.

    The original error is kept as the cause. A SIGINT inside this context cancels Spark's jobs.
    Otherwise PySpark would deliver the interrupt only after the job has ended, and a job that waits
    for a free executor may never end.

    Raises:
        CryptoassetsError: the error that a task raised in its Python worker.
        StoreUnavailableError: files were replaced while they were being read; a retry helps.
        UpstreamNotMaterializedError: files are damaged.
        NoExecutorError: the cluster gave the job no executor.
        SparkJobError: the job failed, or the JVM is gone.
    """
    try:
        with _interrupts_end_jobs():
            yield
    except (PySparkException, Py4JError, ConnectionError, FileNotFoundError) as error:
        stopped = why_stopped()
        if stopped is not None:
            raise NoExecutorError(stopped) from error
        raised = _raised_by_task(str(error))
        if raised is not None:
            raise raised from error
        sentence = next(iter(str(error).strip().splitlines()), type(error).__name__)
        # Arrow and Spark report a missing file differently.
        is_missing = isinstance(error, FileNotFoundError)
        if is_missing or any(word in str(error) for word in _FILE_MISSING):
            raise StoreUnavailableError(
                f"The Parquet was replaced while it was being read: {sentence}. A retry helps"
            ) from error
        if _UNREADABLE in str(error):
            # The first line of the text only names the failed call; a later line names the file.
            line = next(line for line in str(error).splitlines() if _UNREADABLE in line)
            sentence = line.partition("] ")[2].partition(".  SQLSTATE")[0]
            raise UpstreamNotMaterializedError(
                f"The cleaned Parquet cannot be read: {sentence}. A retry will not help; "
                "`cryptoassets rebuild` of that hour or day recreates it from the raw documents"
            ) from error
        # A JVM that has ended usually wrote the reason to its log, but cannot if the disk is full.
        remedy = shortage_message(f"{error}\n{jvm_output_tail()}")
        remedy = remedy or disk_problem(Stack(load_settings()).spark_folder)
        remedy = remedy or "A retry in the same process will not help; start a new run"
        raise SparkJobError(f"Spark failed: {sentence}. {remedy}") from error


def _raised_by_task(text: str) -> CryptoassetsError | None:
    """Return the `CryptoassetsError` that a task raised, parsed from the stack trace in `text`."""
    # The last match is the error: Python prints causes first, and Java repeats the whole trace.
    match = next(reversed(list(_RAISED_BY_TASK.finditer(text))), None)
    kind = getattr(errors, match[1], None) if match else None
    if match is None or kind is None:
        return None
    error: CryptoassetsError = kind(match[2])
    return error


def fail_if_jvm_ended() -> None:
    """Fail if this process's JVM has ended; a command calls this between units of work.

    Raises:
        SparkJobError: the JVM that this process started has ended.
    """
    code = jvm_exit_code()
    if code is not None:
        raise SparkJobError(
            f"Spark's Java process has ended ({_describe_end(code)}). Finished work is "
            "kept. A retry in the same process will not help; run the command again"
        )


def _describe_end(code: int) -> str:
    if code == -signal.SIGKILL:
        return "killed, by hand or because the machine was out of memory"
    return f"exit code {code}"


@contextmanager
def _interrupts_end_jobs() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    raised: list[BaseException] = []

    def end_jobs(number: int, frame: FrameType | None) -> None:
        context = SparkContext._active_spark_context  # noqa: SLF001 - makes no call to the JVM
        if context is not None:
            # In a new thread, because this thread may be in the middle of a call to the JVM.
            threading.Thread(target=context.cancelAllJobs, daemon=True).start()
        try:
            before(number, frame)
        except BaseException as interrupt:
            raised.append(interrupt)
            raise

    signal.signal(signal.SIGINT, end_jobs)
    try:
        yield
    except (PySparkException, Py4JError) as error:
        # The cancelled job raises an error, too, which would hide the interrupt.
        if raised:
            raise raised[0] from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
