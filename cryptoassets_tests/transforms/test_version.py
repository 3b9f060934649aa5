"""Promise: the version of the rules changes with the code that judges, and only with it."""

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
    """A copy of the transforms, to be changed."""
    return Path(shutil.copytree(CODE, tmp_path / "transforms"))


def edit(path: Path, before: str, after: str) -> None:
    """Change one place of a file."""
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
        ("tolerances", "excess > 0", "excess >= 0", (True, True)),
        ("payloads", "ensure_ascii=False", "ensure_ascii=True", (True, True)),
        ("times", "hours=18", "hours=17", (False, True)),
        ("prices", "MIN_SNAPSHOT_SHARE = 0.4", "MIN_SNAPSHOT_SHARE = 0.5", (True, False)),
        ("history", "observed % steps != 0", "observed % steps == 1", (False, True)),
        ("rules", '"""Whether each text', '# why\n    """Tell whether each text', (False, False)),
        ("marts", "LOOKBACK_DAYS = 7", "LOOKBACK_DAYS = 8", (False, False)),
    ],
    ids=[
        *("a rule", "a tolerance", "how it is compared", "a text", "a date"),
        *("of snapshots", "of history", "words", "no rule"),
    ],
)
def test_a_version_tells_other_rules_from_other_words(
    code: Path, module: str, before: str, after: str, changes: tuple[bool, bool]
) -> None:
    """A note in `audit` that nobody can act on would soon be overlooked."""
    edit(code / f"{module}.py", before, after)

    changed = tuple(rules_version(table, code) != rules_version(table) for table in BOTH)

    assert changes == changed
