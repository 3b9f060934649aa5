"""Promise: what the user's shell sets for other programs does not change a run.

One run under all such variables at once, in a folder whose name holds every odd character, and
which a run on a full disk has left half made.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets_tests.e2e.homes import Home
from cryptoassets_tests.e2e.platforms import Finished
from cryptoassets_tests.e2e.test_limits import FULL_DISK
from cryptoassets_tests.test_libpq import VARIABLES as LIBPQ

pytestmark = [
    pytest.mark.spark,
    pytest.mark.mongo,
    pytest.mark.postgres,
    pytest.mark.timeout(400),
]

ODD_NAME = "a b#%41:;é🐕'&$`!~|<>()=+@^"
BAD_OPTION = "-XX:NoSuchOption"
NOWHERE = "/no/such/place"
DEAD_PROXY = "http://127.0.0.1:9"

SPARK = {
    "MASTER": "yarn",
    "DEPLOY_MODE": "cluster",
    "SPARK_HOME": NOWHERE,
    "SPARK_CONF_DIR": NOWHERE,
    "SPARK_LOCAL_DIRS": NOWHERE,
    "SPARK_DRIVER_MEMORY": "1t",
    "SPARK_EXECUTOR_MEMORY": "1t",
    "SPARK_SUBMIT_OPTS": BAD_OPTION,
    "SPARK_JAVA_OPTS": BAD_OPTION,
    "SPARK_LAUNCHER_OPTS": BAD_OPTION,
    "SPARK_DIST_CLASSPATH": NOWHERE,
    "SPARK_LOCAL_IP": "203.0.113.9",
    "SPARK_LOCAL_HOSTNAME": "nowhere.invalid",
    "SPARK_ENV_LOADED": "1",
    "SPARK_PRINT_LAUNCH_COMMAND": "1",
    "SPARK_PREFER_IPV6": "true",
    "SPARK_TESTING": "1",
    "SPARK_REMOTE": "sc://localhost:15002",
    "SPARK_LOCAL_REMOTE": "1",
    "SPARK_API_MODE": "connect",
    "SPARK_CONNECT_MODE": "1",
    "SPARK_CONNECT_MODE_ENABLED": "1",
    "PYSPARK_SUBMIT_ARGS": "--master yarn pyspark-shell",
    "PYSPARK_PYTHON": NOWHERE,
    "PYSPARK_DRIVER_PYTHON": NOWHERE,
    "PYSPARK_GATEWAY_PORT": "1",
    "PYSPARK_GATEWAY_SECRET": "none",
    "PYSPARK_PIN_THREAD": "false",
    "PYSPARK_UDS_MODE": "true",
    "ARROW_PRE_0_15_IPC_FORMAT": "1",
}
HADOOP_AND_JAVA = {
    "HADOOP_HOME": NOWHERE,
    "HADOOP_CONF_DIR": NOWHERE,
    "YARN_CONF_DIR": NOWHERE,
    "CONTAINER_ID": "1",
    "LOCAL_DIRS": NOWHERE,
    "CLASSPATH": NOWHERE,
    "JAVA_OPTS": BAD_OPTION,
    "JAVA_TOOL_OPTIONS": BAD_OPTION,
    "JDK_JAVA_OPTIONS": BAD_OPTION,
    "_JAVA_OPTIONS": BAD_OPTION,
    "JAVA_HOME": NOWHERE,
    "LOG4J_CONFIGURATION_FILE": NOWHERE,
    "BASH_ENV": NOWHERE,
}
DAGSTER_AND_AIRFLOW = {
    "DAGSTER_HOME": "dagster",
    "DAGSTER_INSTANCE_REF": "none",
    "DAGSTER_GRPC_PORT": "1",
    "DAGSTER_EVENT_BATCH_SIZE": "7",
    "DAGSTER_IS_DEV_CLI": "1",
    "DAGSTER_DEFAULT_IO_MANAGER_MODULE": "no.such",
    "DAGSTER_DEFAULT_IO_MANAGER_ATTRIBUTE": "none",
    "AIRFLOW_HOME": NOWHERE,
}
NETWORK = {
    name: value
    for upper, value in {
        "HTTP_PROXY": DEAD_PROXY,
        "HTTPS_PROXY": DEAD_PROXY,
        "ALL_PROXY": "socks5://127.0.0.1:9",
        "NO_PROXY": "",
        "REQUESTS_CA_BUNDLE": NOWHERE,
        "CURL_CA_BUNDLE": NOWHERE,
        "SSL_CERT_FILE": NOWHERE,
    }.items()
    for name in (upper, upper.lower())
}
# Java takes the locale for the encoding of file names, Python the other for its output.
ENCODING = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"}
HOSTILE = {**LIBPQ, **SPARK, **HADOOP_AND_JAVA, **DAGSTER_AND_AIRFLOW, **NETWORK, **ENCODING}


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home that was never used, in a folder of an odd name."""
    outer = Path(tempfile.mkdtemp(prefix="cryptoassets-home-", dir="/var/tmp"))
    outer.chmod(0o755)
    folder = outer / ODD_NAME
    folder.mkdir(mode=0o755)
    home = Home(folder)
    yield home
    home.command("down")
    shutil.rmtree(outer, ignore_errors=True)


@pytest.fixture(scope="module")
def run(home: Home) -> Finished:
    """The one run that nothing stops."""
    assert 1 == home.command("run", limit=FULL_DISK, **HOSTILE).code
    return home.command("run", **HOSTILE)


def test_a_run_ends_well_whatever_is_set_for_other_programs(home: Home, run: Finished) -> None:
    """All that is embedded is started and reached by our settings alone."""
    assert 0 == run.code, run.text
    assert "100 valid, 0 quarantined" in run.text
    assert "0 failed" in run.text
    assert (home.folder / "clean" / "coin_prices").is_dir()


def test_marks_are_plain_where_the_stream_takes_ascii_only(run: Finished) -> None:
    """Nothing was done, as the first tick could not be printed."""
    assert run.text.isascii()
    assert "  + raw/coin_snapshots" in run.text


def test_java_says_nothing_and_no_foreign_history_is_written(home: Home, run: Finished) -> None:
    """A hundred lines of Java hide the one that matters."""
    assert "Exception" not in run.text
    assert "Java" not in run.text
    assert not (home.folder / "dagster" / "history").exists()
    assert "Exception" not in (home.folder / "logs" / "spark.log").read_text()
