"""`python -m cryptoassets.cli` is the command too."""

from cryptoassets.cli.entry import main

main()
