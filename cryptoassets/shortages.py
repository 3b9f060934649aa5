"""What the machine has run out of: disk, open files or memory, and what to do about it.

What goes here: recognizing a shortage by the words of any program, or by trying to write. What
stays out: who ran into it (each caller names its own part).
"""

import os
import tempfile
from pathlib import Path

_PROBE_BYTES = 65_536
_REMEDIES: dict[tuple[str, ...], str] = {
    (
        *("no space left", "disk full", "disk is full", "quota exceeded", "file too large"),
        "could not extend file",
    ): "The disk is full, or `ulimit -f` is too low. Free some space, or set CRYPTOASSETS_HOME "
    "to a folder on a larger disk, then run it again",
    ("too many open files", "too many files", "file descriptors"): "The limit on open files is too "
    "low. Raise it with `ulimit -n 4096`, then run it again",
    (
        *("cannot allocate memory", "out of memory", "outofmemory", "memoryerror"),
        *("could not reserve enough space", "could not allocate", "insufficient memory"),
        *("can't start new thread", "native thread", "failed to map segment", "java heap space"),
    ): "Memory is used up, or its limit is too low. End other programs or raise the limit with "
    "`ulimit -v unlimited`, then run it again",
}


def remedy_of(words: str) -> str | None:
    """Return the shortage that an error's text names, with its remedy; None if it names none.

    Args:
        words: of an error, in English; its class may be among them.
    """
    lowered = words.lower()
    for signs, remedy in _REMEDIES.items():
        if any(sign in lowered for sign in signs):
            return remedy
    return None


def disk_remedy(folder: Path) -> str | None:
    """Try to write to a folder; return what is short and the remedy, None when it can be written.

    A program that found the disk full cannot always say so: its log is on the same disk.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(os.urandom(_PROBE_BYTES))
            probe.flush()
    except OSError as error:
        return remedy_of(str(error)) or (
            f"{folder} cannot be written ({error.strerror}). Fix its permissions, or set "
            "CRYPTOASSETS_HOME to a folder that can be written, then run it again"
        )
    return None
