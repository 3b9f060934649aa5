"""Judges facts about a machine: what would stop a run, what may disturb it, and the remedies.

What goes here: pure functions from facts to findings. What stays out: gathering the facts (in
`machine` and `servers`).
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from cryptoassets.extras import how_to_install

Level = Literal["ok", "warning", "problem"]
"""A `problem` would stop a run; a `warning` names something that may disturb it."""

_MEGABYTE, _GIGABYTE = 10**6, 10**9
DISK_NEEDED, DISK_ADVISED = 500 * _MEGABYTE, 5 * _GIGABYTE
MEMORY_NEEDED, MEMORY_ADVISED = 600 * _MEGABYTE, 2 * _GIGABYTE
ADDRESS_SPACE_NEEDED = 8 * _GIGABYTE
FILES_NEEDED, FILES_ADVISED = 256, 1024
PYTHONS = ((3, 11), (3, 13))


@dataclass(frozen=True)
class Finding:
    """One fact about the machine.

    Attributes:
        found: what was found, without secrets.
        remedy: what to do about it; empty if there is nothing to do.
    """

    name: str
    level: Level
    found: str
    remedy: str = ""


def without_personal_paths(finding: Finding, user_home: Path) -> Finding:
    """Replace the path of the user's home folder with `~`, because it contains the user's name."""
    home = str(user_home)
    if home == user_home.anchor:
        return finding
    found, remedy = (text.replace(home, "~") for text in (finding.found, finding.remedy))
    return replace(finding, found=found, remedy=remedy)


def python(version: tuple[int, int], words: str) -> Finding:
    """Judge the Python version."""
    if PYTHONS[0] <= version <= PYTHONS[1]:
        return Finding("Python", "ok", words)
    return Finding("Python", "problem", words, "Use Python 3.11, 3.12 or 3.13")


def extras(installed: Mapping[str, bool]) -> Finding:
    """Report which extras are installed, and how to install the others.

    Args:
        installed: maps each extra to whether it is installed.
    """
    missing = [extra for extra, is_there in installed.items() if not is_there]
    found = ", ".join(extra for extra in installed if extra not in missing) or "none"
    if not missing:
        return _ok("extras", found)
    remedy = f"They are optional. To install them: {how_to_install(missing)}"
    return Finding("extras", "ok", f"{found}; not installed: {', '.join(missing)}", remedy)


def missing_java_archive(python: str) -> Finding:
    """Report that Spark starts slowly because its classes were never stored.

    Args:
        python: path of the interpreter that runs this platform.
    """
    return Finding(
        "Java archive",
        "warning",
        "missing, so every run starts slowly",
        f"Prepare Java for quick starts, once (about 30 s): `{shlex.quote(python)} -m "
        "cryptoassets.embedded.java_archive`",
    )


def disk(name: str, folder: str, free_bytes: int, *, is_writable: bool) -> Finding:
    """Judge a folder's free space and permissions.

    Args:
        name: the environment variable that sets the folder; also the name of the finding.
        folder: its path.
        free_bytes: free space on its disk.
        is_writable: whether we may write to the folder; if it does not exist, to the nearest
            existing folder above it.
    """
    found = f"{folder}, {free_bytes / _GIGABYTE:,.1f} GB free"
    if not is_writable:
        remedy = f"Fix the permissions, or set {name} to a writable folder"
        return Finding(name, "problem", f"{found}, not writable", remedy)
    remedy = f"Free some space, or set {name} to a folder on a larger disk"
    if free_bytes < DISK_NEEDED:
        return Finding(name, "problem", found, remedy)
    return (
        Finding(name, "warning", found, remedy) if free_bytes < DISK_ADVISED else _ok(name, found)
    )


def memory(available_bytes: int, total_bytes: int) -> Finding:
    """Judge the memory that is available now."""
    found = f"{available_bytes / _GIGABYTE:.1f} of {total_bytes / _GIGABYTE:.1f} GB available"
    if available_bytes < MEMORY_NEEDED:
        return Finding("memory", "problem", found, "End other programs")
    if available_bytes < MEMORY_ADVISED:
        return Finding("memory", "warning", found, "End other programs if a run fails or is slow")
    return _ok("memory", found)


def limits(open_files: int | None, address_space_bytes: int | None) -> Finding:
    """Judge the shell's limits; None: there is no limit."""
    found = f"open files: {open_files or 'no limit'}"
    if address_space_bytes is not None:
        found += f", address space: {address_space_bytes / _GIGABYTE:.1f} GB"
        if address_space_bytes < ADDRESS_SPACE_NEEDED:
            return Finding("limits", "problem", found, "Raise the limit with `ulimit -v unlimited`")
    if open_files is not None and open_files < FILES_ADVISED:
        level: Level = "problem" if open_files < FILES_NEEDED else "warning"
        return Finding("limits", level, found, "Raise the limit with `ulimit -n 4096`")
    return _ok("limits", found)


def locale(encoding: str, language: str) -> Finding:
    """Judge the encoding of the terminal."""
    found = f"{encoding}{f', {language}' if language else ''}"
    if encoding.lower().replace("-", "") == "utf8":
        return _ok("locale", found)
    remedy = "Some characters are printed as escapes. To avoid this: `export LC_ALL=C.UTF-8`"
    return Finding("locale", "warning", found, remedy)


def ignored(names: Sequence[str]) -> Finding:
    """Report environment variables of other programs that this platform ignores."""
    found = (
        f"no effect here: {', '.join(names)}" if names else "no variables of other programs are set"
    )
    return _ok("variables", found)


def misspelled(names: Iterable[str], known: Sequence[str]) -> list[Finding]:
    """Report environment variables with our prefix that are not settings, e.g. misspelled ones.

    Args:
        names: names of variables that have the prefix of our settings.
        known: names of the settings.
    """
    found = []
    for name in sorted({*names} - {*known}):
        near = get_close_matches(name, known, n=1)
        remedy = f"Did you mean {near[0]}?" if near else "docs/reference.md lists all settings"
        found.append(Finding(name, "warning", "is set, but there is no such setting", remedy))
    return found


def settings(values: Mapping[str, str], file: str | None) -> Finding:
    """Report the settings that are set.

    Args:
        values: the settings that are set, without secrets.
        file: the `.env` that was read; None: it does not exist.
    """
    shown = ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
    return _ok("settings", f"{shown or 'all have default values'}; {file or 'no .env file'}")


def ports(taken: Mapping[int, tuple[str, str]]) -> Finding:
    """Report which of the commands' default ports are taken.

    Args:
        taken: maps each taken port to the command that uses it by default, and to the process that
            has taken it.
    """
    if not taken:
        return _ok("ports", "all default ports are free")
    uses = (f"{port} ({use}) is used by {who}" for port, (use, who) in sorted(taken.items()))
    remedy = (
        "Unless this platform itself uses a port, choose another with `--port`; `run` needs none "
        "of these ports"
    )
    return Finding("ports", "warning", ", ".join(uses), remedy)


def address(name: str, variable: str, place: str, *, is_reachable: bool | None) -> Finding:
    """Judge whether a server that is named in a setting can be reached.

    Args:
        name: name of the server.
        variable: the setting that contains the server's URL.
        place: the server's host and port.
        is_reachable: whether it accepts connections; None: it was not tried.
    """
    if is_reachable:
        return _ok(name, f"{place} (from {variable}) accepts connections")
    if is_reachable is None:
        return _ok(name, f"{place} (from {variable}), not tried")
    remedy = f"Start it, correct {variable}, or unset it to use the embedded server"
    found = f"{place} (from {variable}) accepts no connections"
    return Finding(name, "problem", found, remedy)


def _ok(name: str, found: str) -> Finding:
    return Finding(name, "ok", found)
