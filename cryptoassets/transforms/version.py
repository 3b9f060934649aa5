"""The version of the rules that judged a row. It changes if and only if the judging code changes.

What goes here: the version. What stays out: where it is stored (in `stores.clean_folders`).
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY, CLEAN_COIN_PRICES, Table

_SHARED = (
    *("rules", "tolerances", "numbers", "outcomes", "payloads"),
    *("../stores/documents", "../stores/batches", "../stores/layouts"),
)
_MODULES = {
    CLEAN_COIN_PRICES.name: ("prices", *_SHARED),
    CLEAN_COIN_PRICE_HISTORY.name: ("history", "times", "../schemas/intervals", *_SHARED),
}
"""Maps a table to the modules that judge its rows or build rows from documents."""


@cache
def rules_version(table: Table, folder: Path = Path(__file__).parent) -> str:
    """Hash the code that judges the rows of a cleaned table, without comments and docstrings.

    Args:
        table: a cleaned table.
        folder: the folder of the code.
    """
    texts = (_code(folder / f"{name}.py") for name in _MODULES[table.name])
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


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
