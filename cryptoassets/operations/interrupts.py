"""Lets Ctrl-C end a command while Dagster executes a job.

What goes here: detecting a signal whatever handler is set. Dagster installs its own handlers while
it executes a job, and ignores a signal that is received after the last step.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING_SIGNALS = {int(signal.SIGINT), int(signal.SIGTERM)}


@contextmanager
def raised_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end of the block if SIGINT or SIGTERM was received inside.

    It replaces an error of the block: a loop that goes on after errors must not go on after Ctrl-C.

    SIGTERM's handler is restored, because Dagster replaces it with SIGINT's. Otherwise only
    SIGKILL would end a background job of a shell script, because such a job ignores SIGINT.

    Outside the main thread, where no signal is delivered, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGTERM, on_sigterm)
        is_received = _is_received(reader)
        os.close(reader)
        os.close(writer)
        if is_received:
            raise KeyboardInterrupt


def _is_received(reader: int) -> bool:
    try:
        return not _ENDING_SIGNALS.isdisjoint(os.read(reader, 4096))
    except BlockingIOError:
        return False
