# ruff: noqa: INP001 -- run by path, before there is any package
"""Report if this Python cannot run the project. This file must run on any Python 3."""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        "Python 3.11, 3.12 or 3.13 is needed, but this is "
        + found
        + ". Choose another: make PYTHON=python3.12"
    )
