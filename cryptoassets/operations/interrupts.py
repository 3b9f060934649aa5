"""Noticing Ctrl-C while Dagster executes a job.

What goes here: noticing a signal whatever handler is in force. Dagster installs its own handlers
while it executes a job, and forgets a signal that comes after the last step.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDING = {int(signal.SIGINT), int(signal.SIGTERM)}


@contextmanager
def noticed_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether SIGINT or SIGTERM has come since.

    Afterwards SIGTERM is handled as before. Dagster leaves it to the handler of SIGINT, which a
    background job of a script ignores: only SIGKILL would end the process then.

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
        yield lambda: _has_come(reader)
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGTERM, on_sigterm)
        os.close(reader)
        os.close(writer)


def _has_come(reader: int) -> bool:
    try:
        return not _ENDING.isdisjoint(os.read(reader, 4096))
    except BlockingIOError:
        return False
