"""Calls a function periodically, in a thread, while a block runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def sampled(look: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call `look` every `seconds` seconds until the block ends."""
    is_over = threading.Event()

    def sample() -> None:
        while not is_over.wait(seconds):
            look()

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
