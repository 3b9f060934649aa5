"""Which environment variables of the user are passed to programs, and which are removed."""

import os
from pathlib import Path

import pytest

from cryptoassets.environment import (
    certificates,
    ignored_variables,
    java_environment,
    remove_dagster_variables,
    remove_pyspark_variables,
    without_dagster_variables,
    without_proxies,
)
from cryptoassets.errors import SettingsError

USER_ENVIRONMENT = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "LC_ALL": "C",
    "SPARK_HOME": "/opt/old",
    "SPARK_CONF_DIR": "/etc/spark",
    "HADOOP_CONF_DIR": "/etc/hadoop",
    "JAVA_TOOL_OPTIONS": "-XX:Nope",
    "CLASSPATH": "/opt",
    "CONTAINER_ID": "1",
    "COINCAP_API_KEY": "planted",
}


def test_spark_gets_a_fixed_list_of_variables_and_nothing_else() -> None:
    """Spark, Hadoop and Java read hundreds of variables, and must not see CoinCap's key."""
    passed = java_environment("local[*]", Path("/java"), USER_ENVIRONMENT)

    assert {"PATH", "HOME", "LC_ALL", "JAVA_HOME", "PYSPARK_PYTHON", "SPARK_LOCAL_IP"} == set(
        passed
    )
    assert ("/java", "C.UTF-8") == (passed["JAVA_HOME"], passed["LC_ALL"])


def test_the_jvm_of_a_cluster_gets_the_clusters_configuration() -> None:
    """Compose sets Spark's memory in SPARK_CONF_DIR; Spark finds YARN through HADOOP_CONF_DIR."""
    passed = java_environment("spark://host:7077", Path("/java"), USER_ENVIRONMENT)

    assert ("/etc/spark", "/etc/hadoop") == (passed["SPARK_CONF_DIR"], passed["HADOOP_CONF_DIR"])
    assert not {"SPARK_HOME", "SPARK_LOCAL_IP", "JAVA_TOOL_OPTIONS"} & set(passed)


def test_pysparks_variables_are_removed_and_our_setting_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PySpark reads its variables again at each call, so the removal must be permanent."""
    theirs = ("SPARK_REMOTE", "PYSPARK_SUBMIT_ARGS", "SPARK_CONNECT_MODE_ENABLED", "MASTER")
    for name in (*theirs, "SPARK_MASTER"):
        monkeypatch.setenv(name, "local")

    remove_pyspark_variables()

    assert [] == [name for name in theirs if name in os.environ]
    assert "local" == os.environ["SPARK_MASTER"]


def test_dagsters_variables_are_removed_and_our_setting_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DAGSTER_HOME is checked later, when the instance is opened."""
    for name in ("DAGSTER_GRPC_PORT", "DAGSTER_HOME", "DAGSTER_RUNS_RETENTION_DAYS"):
        monkeypatch.setenv(name, "7")

    passed = without_dagster_variables()
    remove_dagster_variables()

    assert {"DAGSTER_RUNS_RETENTION_DAYS"} <= passed.keys()
    assert not {"DAGSTER_GRPC_PORT", "DAGSTER_HOME"} & passed.keys()
    assert "DAGSTER_GRPC_PORT" not in os.environ
    assert "DAGSTER_HOME" in os.environ


def test_programs_that_only_call_this_machine_get_no_proxy() -> None:
    """Airflow's tasks call Airflow and Dagster on this machine."""
    assert {"PATH": "/bin"} == without_proxies(
        {"PATH": "/bin", "HTTPS_PROXY": "x", "all_proxy": "x"}
    )


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_cannot_be_read_are_named(variable: str, tmp_path: Path) -> None:
    """A removed conda environment may leave a variable that names a missing file."""
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("no certificate")

    for path in (tmp_path / "missing.pem", damaged):
        with pytest.raises(SettingsError, match=rf"{variable} names {path}, .* unset {variable}"):
            certificates({variable: str(path)})
    assert certificates({variable: ""}) is None
    assert tmp_path == certificates({variable: str(tmp_path)})


def test_variables_of_other_programs_that_have_no_effect_are_named() -> None:
    """`doctor` lists these variables, because the user who set them expects an effect."""
    named = USER_ENVIRONMENT | {
        "DAGSTER_HOME": "/d",
        "DAGSTER_X": "1",
        "PGHOST": "h",
        "PGADMIN_X": "1",
        "SPARK_CORES_PER_RUN": "2",
    }

    assert ["CLASSPATH", "DAGSTER_X", "JAVA_TOOL_OPTIONS", "PGHOST", "SPARK_HOME"] == (
        ignored_variables(named)
    )
