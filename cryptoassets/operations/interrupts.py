"""Lets Ctrl-C end a command, even if the exception that it raises is lost.

What goes here: detecting a signal regardless of the installed handler. Dagster installs its own
handlers while it executes a job, and ignores a signal that is received after the last step. Python
ignores exceptions in the callbacks of weak references, and pymongo uses such callbacks.
"""

import os
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

_ENDING_SIGNALS = {int(signal.SIGINT), int(signal.SIGTERM)}


@contextmanager
def raised_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt at the end of the block if SIGINT or SIGTERM was received inside.

    KeyboardInterrupt replaces any other error that the block raises: a loop that continues after
    errors must not continue after Ctrl-C.

    SIGTERM's handler is restored, because Dagster replaces it with SIGINT's. A background job of a
    shell script ignores SIGINT. If its SIGTERM handler stayed replaced, it would ignore SIGTERM,
    too, and only SIGKILL could end it.

    Outside the main thread, where no signal is delivered, this function does nothing.
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


def interruptible(items: Iterator[Item]) -> Generator[Item, None, None]:
    """Yield the items; raise KeyboardInterrupt before the next one if a signal was received."""
    while True:
        with raised_interrupts():
            try:
                item = next(items)
            except StopIteration:
                return
            yield item


def _is_received(reader: int) -> bool:
    try:
        return not _ENDING_SIGNALS.isdisjoint(os.read(reader, 4096))
    except BlockingIOError:
        return False
