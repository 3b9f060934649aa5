"""The command `cryptoassets`: thin verbs over the definitions and the embedded stack.

What goes here: options, progress, summaries, exit codes. What stays out: everything that a Dagster
run or another program needs too. Heavy imports stand inside the verbs, so that `--help` is quick.
"""

from cryptoassets.cli.entry import main

__all__ = ["main"]
