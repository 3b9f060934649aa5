"""Computes the version of the rules, which changes if and only if the judging code changes.

What goes here: the version. What stays out: storing it (in `stores.clean_folders`).
"""

import ast
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from cryptoassets.schemas import Table, flow_of

_SHARED = (
    *("transforms.rules", "transforms.tolerances", "transforms.numbers", "transforms.outcomes"),
    *("transforms.payloads", "stores.documents", "stores.batches", "stores.layouts"),
)
"""The modules that judge the rows of every flow, or that build rows from documents."""


@cache
def rules_version(table: Table, folder: Path = Path(__file__).parent) -> str:
    """Hash the code that judges the rows of a cleaned table; comments and docstrings do not count.

    Args:
        table: a cleaned table.
        folder: the `transforms` folder of the code.

    Raises:
        KeyError: the table belongs to no flow.
    """
    flow = flow_of(table)
    if flow is None:
        raise KeyError(table.full_name)
    modules = (*flow.rules, *(f"cryptoassets.{name}" for name in _SHARED))
    texts = (_code(_path(name, folder)) for name in modules)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _path(module: str, folder: Path) -> Path:
    """Return the file of a module; a flow's rules may be outside this package."""
    package, _, name = module.partition(".")
    if package == __name__.partition(".")[0]:
        return folder.parent / f"{name.replace('.', '/')}.py"
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin)


def _code(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef):
            node.body = [part for part in node.body if not _is_text(part)]
    return ast.unparse(tree)


def _is_text(part: ast.stmt) -> bool:
    return (
        isinstance(part, ast.Expr)
        and isinstance(part.value, ast.Constant)
        and isinstance(part.value.value, str)
    )
