"""What Spark raises, in our tree of errors.

What goes here: one sentence instead of a Java stack trace, and whether another try can help.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from cryptoassets.errors import SparkJobError, StoreUnavailableError

_VANISHED = ("FILE_NOT_EXIST", "FileNotFoundException", "PATH_NOT_FOUND")


@contextmanager
def spark_errors() -> Iterator[None]:
    """Turn errors of Spark and of the bridge to its JVM into ours; the cause is kept.

    Raises:
        StoreUnavailableError: files were replaced while they were read; a retry helps.
        SparkJobError: the job failed, or the JVM is gone.
    """
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        sentence = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if any(word in str(error) for word in _VANISHED):
            raise StoreUnavailableError(
                f"The Parquet was replaced while it was read: {sentence}. A retry helps"
            ) from error
        raise SparkJobError(
            f"Spark broke off: {sentence}. A retry in the same process will not help; run it again"
        ) from error
