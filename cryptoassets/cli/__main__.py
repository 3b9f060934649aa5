"""Runs the command as `python -m cryptoassets.cli`."""

from cryptoassets.cli.entry import main

main()
