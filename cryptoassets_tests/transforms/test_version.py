"""The version of the rules changes if and only if the judging code changes."""

import shutil
from pathlib import Path

import pytest

from cryptoassets import transforms
from cryptoassets.schemas import CLEAN_COIN_PRICE_HISTORY, CLEAN_COIN_PRICES
from cryptoassets.transforms.version import rules_version

CODE = Path(transforms.__file__).parent
BOTH = (CLEAN_COIN_PRICES, CLEAN_COIN_PRICE_HISTORY)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The `transforms` folder of a copy of the package; tests edit files in it."""
    shutil.copytree(CODE.parent, tmp_path / "package", ignore=shutil.ignore_patterns("*.pyc"))
    return tmp_path / "package" / "transforms"


def edit(path: Path, before: str, after: str) -> None:
    """Replace the first occurrence of a string in a file."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("module", "before", "after", "changes"),
    [
        ("rules", "less_equal(price, _decimal(0))", "less(price, _decimal(0))", (True, True)),
        (
            "rules",
            'SUPPLY_TOLERANCE = Decimal("1e-9")',
            "SUPPLY_TOLERANCE = Decimal(0)",
            (True, True),
        ),
        ("../stores/documents", "in _SOURCES", "not in _SOURCES", (True, True)),
        ("tolerances", "excess > 0", "excess >= 0", (True, True)),
        ("payloads", "ensure_ascii=False", "ensure_ascii=True", (True, True)),
        ("times", "hours=18", "hours=17", (False, True)),
        ("prices", "MIN_SNAPSHOT_SHARE = 0.4", "MIN_SNAPSHOT_SHARE = 0.5", (True, False)),
        ("history", "observed % steps != 0", "observed % steps == 1", (False, True)),
        (
            "rules",
            '"""Return whether each string',
            '# why\n    """Check whether each string',
            (False, False),
        ),
        ("marts", "DAYS_OF_PEAK = 30", "DAYS_OF_PEAK = 31", (False, False)),
    ],
    ids=[
        *(
            "a rule",
            "a tolerance",
            "a test for foreign documents",
            "a comparison",
            "a text",
            "a date",
        ),
        *("a rule for snapshots", "a rule for history", "a comment", "a mart"),
    ],
)
def test_the_version_changes_with_rules_but_not_with_comments(
    code: Path, module: str, before: str, after: str, changes: tuple[bool, bool]
) -> None:
    """Otherwise `audit` would report partitions although their rules have not changed."""
    edit(code / f"{module}.py", before, after)

    changed = tuple(rules_version(table, code) != rules_version(table) for table in BOTH)

    assert changes == changed
