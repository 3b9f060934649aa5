"""The command `cryptoassets`: thin commands that call `operations` and `embedded`.

What goes here: options, showing progress and results, exit codes. What stays out: what a
command does (in `operations`). Large packages are imported inside functions, so that `--help` is
fast.
"""

from cryptoassets.cli.entry import main

__all__ = ["main"]
