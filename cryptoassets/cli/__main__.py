"""`python -m cryptoassets.cli` is the command too."""

from cryptoassets.cli.app import main

main()
