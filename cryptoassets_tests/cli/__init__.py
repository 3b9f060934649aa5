"""Tests of the command: help, misuse, errors."""
