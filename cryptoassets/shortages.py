"""Resource shortages on this machine (disk, open files or memory), and what to do about them.

What goes here: recognizing a shortage from any program's error message, or by a test write. What
stays out: which program or step failed (each caller names it).
"""

import os
import tempfile
from pathlib import Path

_PROBE_BYTES = 65_536
_REMEDIES: dict[tuple[str, ...], str] = {
    (
        *("no space left", "disk full", "disk is full", "quota exceeded", "file too large"),
        "could not extend file",
    ): "The disk is full, or `ulimit -f` is too low. Free some space, raise the limit, or "
    "set CRYPTOASSETS_HOME to a folder on a larger disk, then run the command again",
    ("too many open files", "too many files", "file descriptors"): "The limit on open files is too "
    "low. Raise it with `ulimit -n 4096`, then run the command again",
    (
        *("cannot allocate memory", "out of memory", "outofmemory", "memoryerror"),
        *("could not reserve enough space", "could not allocate", "insufficient memory"),
        *("can't start new thread", "native thread", "failed to map segment", "java heap space"),
    ): "Memory is used up, or its limit is too low. Close other programs or raise the limit with "
    "`ulimit -v unlimited`, then run the command again",
}


def shortage_message(error_text: str) -> str | None:
    """Describe the shortage that an error's text indicates, and its remedy; None: no shortage.

    Args:
        error_text: an error's message in English, with or without the class name of the exception.
    """
    lowered = error_text.lower()
    for signs, remedy in _REMEDIES.items():
        if any(sign in lowered for sign in signs):
            return remedy
    return None


def disk_problem(folder: Path) -> str | None:
    """Try to write to a folder; return the problem and its remedy, or None if writing works.

    A program whose log is on the full disk cannot log the error; this test detects it nevertheless.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(os.urandom(_PROBE_BYTES))
            probe.flush()
    except OSError as error:
        return shortage_message(str(error)) or (
            f"{folder} is not writable ({error.strerror}). Fix its permissions, or set "
            "CRYPTOASSETS_HOME to a writable folder, then run the command again"
        )
    return None
