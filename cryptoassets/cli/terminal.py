"""What the verbs share: two consoles and the exit codes.

Exit codes: 0 done; 1 something failed; 2 misuse (an option or a setting is wrong); 3 a store is not
running, and the command starts none; 130 interrupted.
"""

from rich.console import Console

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

FAILED, MISUSED, NOT_RUNNING, INTERRUPTED = 1, 2, 3, 130
