"""The loop of `run --every`: which failures end it, and its use of memory."""

import platform
import subprocess
import sys

import pytest

from cryptoassets.operations.batches import FATAL_ERRORS, MAX_FAILURES, reason_to_stop
from cryptoassets.operations.cycle import Cycle
from cryptoassets.operations.runs import Outcome


def cycle_with(*errors: str) -> Cycle:
    """A cycle in which steps failed with these errors."""
    return Cycle(Outcome(errors=set(errors)), is_done=not errors)


@pytest.mark.parametrize("error", sorted(FATAL_ERRORS))
def test_a_fatal_error_ends_the_loop(error: str) -> None:
    """Otherwise the loop would send a refused API key again in every cycle."""
    reason = reason_to_stop(cycle_with(error, "StoreUnavailableError"), failed_in_a_row=1)

    assert reason is not None
    assert reason.startswith(f"{error}: ")


def test_a_temporary_error_ends_the_loop_only_after_many_failed_cycles() -> None:
    """The loop must survive a restart of MongoDB."""
    cycle = cycle_with("StoreUnavailableError")

    assert reason_to_stop(cycle, failed_in_a_row=MAX_FAILURES - 1) is None
    assert reason_to_stop(cycle, failed_in_a_row=MAX_FAILURES) is not None
    assert reason_to_stop(cycle_with(), failed_in_a_row=0) is None


ALLOCATING_THREADS = """
import ctypes, threading
from cryptoassets.operations import batches
batches._call_glibc("mallopt", batches._ARENA_MAX, 2)
barrier, kept = threading.Barrier(9), []
def allocate():
    kept.append(bytearray(10_000))
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
barrier.wait()
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has memory arenas")
def test_all_threads_of_the_loop_share_two_memory_arenas() -> None:
    """With an arena per thread, the loop grew by 0.3 to 0.5 MB per cycle."""
    ended = subprocess.run(
        [sys.executable, "-c", ALLOCATING_THREADS], capture_output=True, text=True, check=True
    )

    assert 1 <= ended.stdout.count("<heap nr=") <= 2, ended.stdout
