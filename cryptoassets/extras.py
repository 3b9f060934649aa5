"""The optional packages: which are not installed, and how to install them.

What goes here: the extras of `pyproject.toml` that a command needs. What stays out: importing their
packages (in the modules that use them).
"""

from collections.abc import Iterable
from importlib.util import find_spec

from cryptoassets.project import checkout

EXTRAS = {
    "alerts": ("apprise",),
    "dashboard": ("plotly", "streamlit"),
    "duckdb": ("duckdb",),
    "polars": ("polars",),
    "xlsx": ("xlsxwriter",),
}
"""Maps each extra to the modules that it installs."""


def is_installed(extra: str) -> bool:
    """Return whether all modules of an extra are installed; imports none of them."""
    return all(find_spec(module) is not None for module in EXTRAS[extra])


def how_to_install(extras: Iterable[str]) -> str:
    """Return the command that installs extras; in a checkout, also `make run`."""
    command = f"pip install 'cryptoassets[{','.join(extras)}]'"
    return f"{command}; `make run` installs all extras" if checkout() else command
