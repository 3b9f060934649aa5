"""Detects Ctrl-C while Dagster executes a job.

What goes here: detecting a signal whatever handler is set. Dagster installs its own handlers while
it executes a job, and ignores a signal that is received after the last step.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDING_SIGNALS = {int(signal.SIGINT), int(signal.SIGTERM)}


@contextmanager
def noticed_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether SIGINT or SIGTERM was received inside the block.

    On exit SIGTERM's handler is restored, because Dagster replaces it with SIGINT's. Otherwise only
    SIGKILL would end a background job of a shell script, because such a job ignores SIGINT.

    Outside the main thread, where no signal is delivered, the function always returns False.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield lambda: _is_received(reader)
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGTERM, on_sigterm)
        os.close(reader)
        os.close(writer)


def _is_received(reader: int) -> bool:
    try:
        return not _ENDING_SIGNALS.isdisjoint(os.read(reader, 4096))
    except BlockingIOError:
        return False
