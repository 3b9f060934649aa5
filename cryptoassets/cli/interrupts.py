"""Ctrl-C that nothing swallows.

What goes here: noticing a signal whatever handler is in force. Dagster puts handlers of its own in
place while it executes a job, and one that comes after the last step is forgotten.
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

    Afterwards SIGTERM is handled as before. Dagster hands it over to the handler of SIGINT, which a
    script's background job ignores: nothing but SIGKILL would end the process any more.

    Off the main thread, where no signal is delivered, it always says no.
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
