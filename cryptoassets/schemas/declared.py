"""Finds objects that a package's modules define, so that a new module needs no registration."""

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import TypeVar

_T = TypeVar("_T")


def declared_in(package: str, path: Iterable[str], kind: type[_T]) -> list[_T]:
    """Return the objects of class `kind` that are globals of the package's modules, each once."""
    modules = [import_module(f"{package}.{one.name}") for one in pkgutil.iter_modules(path)]
    found = [value for module in modules for value in vars(module).values()]
    return list(dict.fromkeys(value for value in found if isinstance(value, kind)))
