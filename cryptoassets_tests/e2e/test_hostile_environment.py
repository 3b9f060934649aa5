"""Variables that the user's shell sets for other programs do not affect `run`.

All tests share one home, and the name of its folder contains odd characters. In this home, `run`
first fails on a full disk, then succeeds, both times with all these variables and the strictest
umask.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets_tests.e2e.homes import Home
from cryptoassets_tests.e2e.platforms import CommandResult
from cryptoassets_tests.e2e.test_limits import java_of
from cryptoassets_tests.test_libpq import VARIABLES as LIBPQ

pytestmark = [
    pytest.mark.spark,
    pytest.mark.mongo,
    pytest.mark.postgres,
    pytest.mark.timeout(400),
]

ODD_NAME = "a b#%41:;é🐕'&$`!~|<>()=+@^"
BAD_OPTION = "-XX:NoSuchOption"
# A shell limit simulates a full disk, because mounting a small disk requires special rights.
FULL_DISK = "ulimit -f 64"
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
# The locale decides how Java encodes file names, PYTHONIOENCODING how Python encodes its output.
ENCODING = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"}
HOSTILE = {**LIBPQ, **SPARK, **HADOOP_AND_JAVA, **DAGSTER_AND_AIRFLOW, **NETWORK, **ENCODING}


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A new home in a folder with an odd name."""
    outer = Path(tempfile.mkdtemp(prefix="cryptoassets-home-", dir="/var/tmp"))
    outer.chmod(0o755)
    folder = outer / ODD_NAME
    folder.mkdir(mode=0o755)
    home = Home(folder, umask=0o077)
    yield home
    home.command("down")
    shutil.rmtree(outer, ignore_errors=True)


@pytest.fixture(scope="module")
def full_disk(home: Home) -> CommandResult:
    """The result of the first command in the home: `run` on a full disk."""
    return home.command("run", limit=FULL_DISK, **HOSTILE)


@pytest.fixture(scope="module")
def run(home: Home, full_disk: CommandResult) -> CommandResult:
    """The result of `run` with these variables, after the attempt on a full disk."""
    # Servers that the first command has started would keep the limit of its shell.
    home.command("down", **HOSTILE)
    return home.command("run", **HOSTILE)


def test_a_full_disk_is_reported_in_one_sentence_and_no_java_is_left(
    home: Home, full_disk: CommandResult
) -> None:
    """`run` used to hang, or to print a hundred lines of Java output and leave the JVM running."""
    assert 1 == full_disk.code, full_disk.text
    assert "The disk is full, or `ulimit -f` is too low" in full_disk.text
    assert "Traceback" not in full_disk.text
    assert [] == java_of(home.folder.parent)


def test_a_run_ignores_variables_that_are_set_for_other_programs(
    home: Home, run: CommandResult
) -> None:
    """Embedded programs use only the platform's own settings."""
    assert 0 == run.code, run.text
    assert "100 valid, 0 quarantined" in run.text
    assert "0 failed" in run.text
    assert (home.folder / "clean" / "coin_prices").is_dir()


def test_progress_symbols_are_ascii_if_the_output_is_ascii(run: CommandResult) -> None:
    """`run` used to fail before doing anything, because it could not print a check mark (✓)."""
    assert run.text.isascii()
    assert "  + raw/coin_snapshots" in run.text


def test_java_prints_nothing_and_writes_no_event_log(home: Home, run: CommandResult) -> None:
    """A hundred lines of Java output would hide the line that matters."""
    assert "Exception" not in run.text
    assert "Java" not in run.text
    assert not (home.folder / "dagster" / "history").exists()
    assert "Exception" not in (home.folder / "logs" / "spark.log").read_text()


def test_no_other_user_can_open_a_file_under_the_strictest_umask(
    home: Home, run: CommandResult
) -> None:
    """The run succeeds: even if root starts it, PostgreSQL's own account can open its files.

    `test_run` tests the most permissive umask.
    """
    assert 0 == run.code, run.text
    assert [] == home.open_to_others()


def test_a_secret_in_coincap_url_is_refused_and_stored_nowhere(
    home: Home, run: CommandResult
) -> None:
    """Such a secret used to appear in sources.json, in messages and in every dead letter."""
    for verb, url in (
        ("run", "http://me:planted@127.0.0.1:9/v3"),
        ("status", "http://127.0.0.1:9/v3?apiKey=planted"),
    ):
        refused = home.command(verb, COINCAP_URL=url)

        assert 2 == refused.code, refused.text
        assert "COINCAP_URL: it must contain no user, password, query" in refused.text
        assert "planted" not in refused.text
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"planted" in path.read_bytes()]
