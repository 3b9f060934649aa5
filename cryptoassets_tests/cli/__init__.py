"""The command: help, misuse, errors."""
