"""What the verbs share: two consoles and the exit codes.

Exit codes: 0 done; 1 something failed; 2 misuse (an option or a setting is wrong).
"""

from rich.console import Console

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
