"""How often Python looks for cycles of objects that nobody uses any more.

What goes here: the two paces. What stays out: who needs which.
"""

import atexit
import gc

_USUAL = gc.get_threshold()
_OBJECTS_A_SEARCH = 100_000


def search_seldom() -> None:
    """For a command, which imports much and ends soon: else it looks 500 times and finds little."""
    gc.set_threshold(_OBJECTS_A_SEARCH)
    # Else it searches all that was imported before it ends: 0.7 s until the prompt is back.
    atexit.register(gc.freeze)


def search_as_usual() -> None:
    """For a process that stays: cycles hold connections, too."""
    gc.set_threshold(*_USUAL)
