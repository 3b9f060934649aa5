"""Keeps the memory of a process that runs for hours from growing.

What goes here: how glibc and Arrow allocate memory. What stays out: how often Python collects
reference cycles (in `cli.garbage`). Import nothing here that imports pyarrow.
"""

import ctypes
import gc
import os
from contextlib import suppress

# glibc's M_ARENA_MAX, see mallopt(3).
_ARENA_MAX = -8


def limit_memory() -> None:
    """Choose the allocators of this process; call this before pyarrow is imported.

    Arrow's own allocator, mimalloc, keeps memory that ended threads have freed: the loop of
    `run --every` grew by 0.4 MB per cycle. With glibc, new threads may get arenas of their own,
    which also keep such memory, so the number of arenas is limited. Without glibc, only Arrow's
    allocator is chosen.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    _call_glibc("mallopt", _ARENA_MAX, 2)


def release_memory() -> None:
    """Return unused memory to the operating system."""
    # Each run leaves reference cycles, which Python seldom collects by itself.
    gc.collect()
    _call_glibc("malloc_trim", 0)


def _call_glibc(function: str, *arguments: int) -> None:
    """Call a function that manages memory; other C libraries do not have it, or do not need it."""
    with suppress(AttributeError, OSError):
        getattr(ctypes.CDLL(None), function)(*arguments)
