"""Sets how often Python collects reference cycles.

What goes here: the two frequencies. What stays out: which process uses which frequency.
"""

import atexit
import gc

_USUAL = gc.get_threshold()
_OBJECTS_PER_COLLECTION = 100_000


def collect_garbage_rarely() -> None:
    """Set a low frequency for a short command, whose imports would cause 500 collections."""
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    # Otherwise Python searches all imported objects for cycles when it exits, which takes 0.7 s.
    atexit.register(gc.freeze)


def collect_garbage_normally() -> None:
    """Restore the default for a long-lived process, whose reference cycles hold connections."""
    gc.set_threshold(*_USUAL)
