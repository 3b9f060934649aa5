"""An interrupt cancels Spark's jobs and is re-raised; a failed job raises our error."""

import os
import subprocess
import sys

import pytest
from pyspark.sql import SparkSession

from cryptoassets.errors import SparkJobError
from cryptoassets.resources.spark_errors import spark_errors

pytestmark = pytest.mark.spark

# A separate process, because the interrupted thread can no longer call its JVM.
INTERRUPTED = """
import os, signal, threading, time
from cryptoassets.resources.spark import SparkResource
from cryptoassets.resources.spark_errors import spark_errors

class InterruptedRun(BaseException):
    "Like the error with which Dagster interrupts a run, it is not an Exception."

def interrupt(number, frame):
    raise InterruptedRun

session = SparkResource().session
signal.signal(signal.SIGINT, interrupt)
endless = session.range(1).selectExpr("java_method('java.lang.Thread', 'sleep', 60000L)")
threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT)).start()
started = time.monotonic()
try:
    with spark_errors():
        endless.toArrow()
except InterruptedRun:
    assert time.monotonic() - started < 40, "waited for the job's end"
    assert signal.getsignal(signal.SIGINT) is interrupt
    print("interrupted", flush=True)
os._exit(0)
"""


def test_an_interrupt_ends_a_job_that_would_not_end() -> None:
    """A job without executors never ends, so a cancelled run's process once kept running."""
    completed = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        env=os.environ | {"SPARK_MASTER": "local[1]"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert completed.stdout == "interrupted\n", completed.stderr[-2000:]


def test_a_failed_job_raises_our_error(session: SparkSession) -> None:
    """Without an interrupt, the error is a SparkJobError."""
    with pytest.raises(SparkJobError), spark_errors():
        session.range(1).selectExpr("raise_error('broken')").collect()
