"""Finds what the modules of a package declare, so that a new module needs no registration."""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import TypeVar

_T = TypeVar("_T")


def declared_in(package: str, path: Iterable[str], kind: type[_T]) -> list[_T]:
    """Return each object of this class that a module of the package has as a global, once."""
    modules = [import_module(f"{package}.{one.name}") for one in pkgutil.iter_modules(path)]
    found = [value for module in modules for value in vars(module).values()]
    return list(dict.fromkeys(value for value in found if isinstance(value, kind)))
