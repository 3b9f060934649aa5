"""Which environment variables of the user are passed to the programs that we start.

What goes here: the environment of Spark's JVM, Dagster and Airflow, the variables that PySpark
would read in our own process, variables that affect HTTPS calls, and reading secrets from files.
What stays out: our settings (in `settings`), starting the programs.
"""

import os
import re
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

from cryptoassets.errors import SettingsError

_PASSED_TO_EVERY_PROGRAM = (
    *("PATH", "HOME", "USER", "LOGNAME", "TZ"),
    # Python may need these, both here and in Spark's Python workers.
    *("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH"),
)
_PASSED_TO_CLUSTERS = (
    *("SPARK_CONF_DIR", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "HADOOP_USER_NAME"),
    *("KRB5_CONFIG", "KRB5CCNAME", "KUBECONFIG"),
    *("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"),
)
"""These describe a cluster; they are not passed to a local Spark."""
_READ_BY_PYSPARK = ("SPARK_", "PYSPARK_", "_PYSPARK_")
_READ_BY_PYSPARK_TOO = ("MASTER", "ARROW_PRE_0_15_IPC_FORMAT")
_READ_BY_JAVA = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS", "CLASSPATH")
# PGHOST, PGSERVICE, PGTZ, ...: libpq's variables have no underscore, unlike pgAdmin's.
_READ_BY_LIBPQ = re.compile(r"PG[A-Z]+")
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""In the order in which `requests` reads them."""
UTF8_LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
"""The locale of our processes: the first one exists on macOS, the second one on Linux."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_KEPT = ("SPARK_MASTER", "SPARK_CORES_PER_RUN", *_PASSED_TO_CLUSTERS)


def is_read_by_libpq(name: str) -> bool:
    """Return whether libpq would read a variable with this name."""
    return _READ_BY_LIBPQ.fullmatch(name) is not None


def java_environment(
    master: str, java_home: Path, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the complete environment of Spark's JVM and its Python workers.

    Only listed variables are passed, because Spark, Hadoop and Java read hundreds of others.

    Args:
        master: SPARK_MASTER; variables that describe a cluster are passed only if it names one.
        java_home: the Java to use.
        environment: the user's environment.
    """
    names = _PASSED_TO_EVERY_PROGRAM + (() if master.startswith("local") else _PASSED_TO_CLUSTERS)
    passed = {name: environment[name] for name in names if environment.get(name)}
    local = {"SPARK_LOCAL_IP": "127.0.0.1"} if master.startswith("local") else {}
    return {
        **passed,
        **local,
        "JAVA_HOME": str(java_home),
        "PYSPARK_PYTHON": sys.executable,
        # Without a UTF-8 locale, Java cannot open files with non-ASCII names.
        "LC_ALL": UTF8_LOCALE,
    }


def remove_pyspark_variables() -> None:
    """Permanently remove the variables that PySpark would read in this process.

    Removing them only while the JVM starts is not enough: PySpark reads them again at each call, to
    check whether it is "remote".
    """
    for name in list(os.environ):
        if _is_read_by_pyspark(name):
            del os.environ[name]


def _is_read_by_pyspark(name: str) -> bool:
    is_read = name.startswith(_READ_BY_PYSPARK) or name in _READ_BY_PYSPARK_TOO
    return is_read and name not in _KEPT


def ignored_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of variables for other programs that have no effect here."""
    dagster = _dagster_variables(environment) - {"DAGSTER_HOME"}
    return sorted(
        name
        for name in environment
        if name in dagster
        or _is_read_by_pyspark(name)
        or name in _READ_BY_JAVA
        or is_read_by_libpq(name)
    )


def remove_dagster_variables() -> None:
    """Remove variables that would change how Dagster works; DAGSTER_HOME is checked later."""
    for name in _dagster_variables() - {"DAGSTER_HOME"}:
        del os.environ[name]


def without_dagster_variables() -> dict[str, str]:
    """Return the environment without variables that would change how Dagster works."""
    return {name: os.environ[name] for name in os.environ.keys() - _dagster_variables()}


def _dagster_variables(environment: Mapping[str, str] = os.environ) -> set[str]:
    # The first variable is our own setting; the second one is harmless.
    kept = {"DAGSTER_RUNS_RETENTION_DAYS", "DAGSTER_DISABLE_TELEMETRY"}
    return {name for name in environment if name.startswith("DAGSTER_")} - kept


def without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without proxy variables, for programs that only call this machine."""
    return {name: value for name, value in environment.items() if name.lower() not in _PROXIES}


def certificates(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the path of the user's trusted HTTPS certificates; None: use those of `certifi`.

    Raises:
        SettingsError: a variable names a path that cannot be read as certificates.
    """
    name = next((name for name in _CERTIFICATES if environment.get(name)), None)
    if name is None:
        return None
    path = Path(environment[name])
    try:
        if path.is_dir():
            ssl.create_default_context(capath=path)
        else:
            ssl.create_default_context(cafile=path)
    except OSError as error:
        raise SettingsError(
            f"{name} names {path}, which cannot be read as certificates: {error.strerror or error}."
            f" A retry will not help; correct or unset {name}"
        ) from error
    return path


def secret_from_file(variable: str, path: str) -> str:
    """Return the content of the file that a variable such as MONGO_URL_FILE names.

    Args:
        variable: the variable's name, for messages.
        path: the file.

    Raises:
        SettingsError: the file is missing, empty or unreadable; the message never quotes its text.
    """
    try:
        text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
    else:
        reason = "" if text.strip() else "it is empty"
        if text.strip():
            return text
    raise SettingsError(
        f"{variable} names {path}, which cannot be used: {reason}. A retry will not help; correct "
        f"{variable} or the file"
    )
