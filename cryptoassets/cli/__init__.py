"""The command `cryptoassets`: thin commands over the operations and the embedded stack.

What goes here: options, the display of progress and results, exit codes. What stays out: what a
command does (in `operations`). Large packages are imported inside functions, so that `--help` is
fast.
"""

from cryptoassets.cli.entry import main

__all__ = ["main"]
