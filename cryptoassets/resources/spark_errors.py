"""What Spark raises, in our tree of errors; and an interrupt, which must end its jobs.

What goes here: one sentence instead of a Java stack trace, and whether another try can help. What
stays out: the session (in `spark`).
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException

from cryptoassets.errors import SparkJobError, StoreUnavailableError

_VANISHED = ("FILE_NOT_EXIST", "FileNotFoundException", "PATH_NOT_FOUND")


@contextmanager
def spark_errors() -> Iterator[None]:
    """Turn errors of Spark and of the bridge to its JVM into ours; the cause is kept.

    A SIGINT meanwhile ends Spark's jobs: PySpark waits for the end of a job before it lets an
    interrupt through, and a job for which no executor is free has none.

    Raises:
        StoreUnavailableError: files were replaced while they were read; a retry helps.
        SparkJobError: the job failed, or the JVM is gone.
    """
    try:
        with _interrupts_end_jobs():
            yield
    except (PySparkException, Py4JError, ConnectionError, FileNotFoundError) as error:
        sentence = next(iter(str(error).strip().splitlines()), type(error).__name__)
        # Arrow's and Spark's words for one thing.
        is_vanished = isinstance(error, FileNotFoundError)
        if is_vanished or any(word in str(error) for word in _VANISHED):
            raise StoreUnavailableError(
                f"The Parquet was replaced while it was read: {sentence}. A retry helps"
            ) from error
        raise SparkJobError(
            f"Spark broke off: {sentence}. A retry in the same process will not help; run it again"
        ) from error


def refuse_dead_jvm() -> None:
    """Stop a command that would do one thing after the other by a JVM that is gone.

    Raises:
        SparkJobError: the JVM that this process started has ended.
    """
    gateway = SparkContext._gateway  # noqa: SLF001 - nothing public knows the process
    process = getattr(gateway, "proc", None)
    if process is not None and process.poll() is not None:
        raise SparkJobError(
            f"Java, in which Spark works, has ended ({_how_ended(process.returncode)}). What is "
            "done stays done. A retry in the same process will not help; run the command again"
        )


def _how_ended(code: int) -> str:
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
        context = SparkContext._active_spark_context  # noqa: SLF001 - asks the JVM nothing
        if context is not None:
            # This thread's way to the JVM may be in the middle of a call.
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
        # The job's end, raised while the interrupt was on its way, would take its place.
        if raised:
            raise raised[0] from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
