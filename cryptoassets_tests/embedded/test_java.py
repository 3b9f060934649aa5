"""Spark uses the machine's Java if it can, else the Java of a wheel; flags make Java start fast."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoassets.embedded import java
from cryptoassets.embedded.java_options import ClassArchive, quick_start_options

SESSION = """
from pyspark.sql import SparkSession
import sys
session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config(
    "spark.driver.extraJavaOptions", " ".join(sys.argv[1:])).getOrCreate()
row = session.sql("SELECT try_cast('87711.199999999997089617' AS DECIMAL(38, 18)) AS price").first()
print(row.price, session._jvm.java.lang.System.getProperty("java.version"))
"""


def fake_java(folder: Path, version: str, code: int = 0) -> Path:
    """Create a Java home whose `java` prints its version and exits with `code`."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\nexit {code}\n")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize("version", ["17.0.15", "21.0.8", "25"])
def test_a_supported_java_of_the_machine_is_used(tmp_path: Path, version: str) -> None:
    """A user who sets JAVA_HOME wants that Java to be used."""
    home = fake_java(tmp_path / "java", version)
    program = home / "bin" / "java"

    assert program == java.find_java({"JAVA_HOME": str(home)})
    assert program == java.find_java({"PATH": str(home / "bin")})


def test_a_supported_java_on_path_is_used_instead_of_an_old_java_home(tmp_path: Path) -> None:
    """Spark reads JAVA_HOME first and would fail with an old Java."""
    old, good = fake_java(tmp_path / "old", "1.8.0_392"), fake_java(tmp_path / "good", "17.0.1")

    found = java.find_java({"JAVA_HOME": str(old), "PATH": str(good / "bin")})

    assert good / "bin" / "java" == found


@pytest.mark.parametrize(("version", "code"), [("11.0.2", 0), ("19.0.1", 0), ("21.0.1", 1)])
def test_the_wheels_java_is_used_instead_of_one_that_spark_cannot_use(
    tmp_path: Path, version: str, code: int
) -> None:
    """A Java that Spark does not support, or that does not start, counts as missing."""
    bad = fake_java(tmp_path / "bad", version, code)

    assert java.wheel_java() == java.find_java({"PATH": str(bad / "bin")})


def through_shim(folder: Path, *arguments: str) -> str:
    """Return the arguments that Java gets if Spark passes these."""
    echo = folder / "echo"
    echo.write_text('#!/bin/sh\necho "$@"\n')
    echo.chmod(0o755)
    shim = java.write_shim(folder / "shim", echo) / "bin" / "java"
    completed = subprocess.run([shim, *arguments], capture_output=True, text=True, check=True)
    return completed.stdout.strip()


def test_the_shim_drops_the_argument_that_causes_a_warning_at_each_start(tmp_path: Path) -> None:
    """Spark requests an incubating module; a full Java warns about it at every start."""
    passed = through_shim(tmp_path, "-Xmx1g", "--add-modules=jdk.incubator.vector", "Main")

    assert "-Xmx1g Main" == passed


def test_the_shim_names_each_jar_once_and_leaves_out_mllib(tmp_path: Path) -> None:
    """Every new session initialized MLlib's functions, which took a second."""
    jars = tmp_path / "with space" / "jars"
    jars.mkdir(parents=True)
    for name in ("slf4j-api-2.0", "spark-core_2.13", "spark-mllib-local_2.13", "spark-mllib_2.13"):
        (jars / f"{name}.jar").touch()

    passed = through_shim(tmp_path, "-cp", f"/conf/:{jars}/slf4j-api-2.0.jar:{jars}/*", "Main")

    kept = ("slf4j-api-2.0", "spark-core_2.13", "spark-mllib-local_2.13")
    assert f"-cp /conf/:{':'.join(f'{jars}/{name}.jar' for name in kept)} Main" == passed


@pytest.mark.spark
def test_spark_runs_on_the_wheels_java(tmp_path: Path) -> None:
    """`uv sync` alone must install a usable Java; the wheel's Java lacks a module Spark names."""
    shim = java.write_shim(tmp_path / "with space", java.wheel_java())
    # The archive does not exist at this path: Java must silently ignore that.
    archive = ClassArchive(tmp_path / "archive", java.wheel_java())
    options = [
        *quick_start_options(tmp_path, java.wheel_java()),
        f"-XX:SharedArchiveFile={archive.classes}",
    ]
    environment = {**os.environ, "JAVA_HOME": str(shim), "SPARK_LOCAL_IP": "127.0.0.1"}

    completed = subprocess.run(
        [sys.executable, "-c", SESSION, *options, "-Xshare:auto"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ["87711.199999999997089617", "21.0.8"] == completed.stdout.split()
    assert "cds" not in completed.stderr.lower()


def test_without_an_archive_only_flags_that_every_java_knows_are_passed(tmp_path: Path) -> None:
    """The class archive saves seconds, but is optional."""
    assert ["-XX:TieredStopAtLevel=1"] == quick_start_options(tmp_path, java.wheel_java())


def test_an_archive_is_used_only_by_the_java_that_made_it(tmp_path: Path) -> None:
    """An archive becomes unusable when Java or Spark is updated."""
    home = fake_java(tmp_path / "java", "17.0.15")
    program = home / "bin" / "java"
    archive = ClassArchive(tmp_path, program)
    for file in (archive.classes, archive.base):
        if file:
            file.write_bytes(b"")
    (home / "release").write_text('JAVA_VERSION="17.0.16"')

    assert any("SharedArchiveFile" in option for option in archive.options())
    assert [] == ClassArchive(tmp_path, program).options()
