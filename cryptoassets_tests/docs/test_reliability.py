"""`docs/reliability.md` names only existing tests, and every promise of the fault campaign."""

import re

from cryptoassets_tests.docs.pages import ROOT
from cryptoassets_tests.faults.promises import PROMISES

PAGE = ROOT / "docs/reliability.md"
_LINK = re.compile(r"\[([a-z0-9 ]+)\]\((\.\./cryptoassets_tests/\S+\.py)\)")


def test_each_named_test_exists() -> None:
    """A row without an existing test would be an untested promise."""
    links = _LINK.findall(PAGE.read_text())
    missing = [
        name
        for name, file in links
        if f"def test_{name.replace(' ', '_')}(" not in (PAGE.parent / file).read_text()
    ]

    assert links
    assert [] == missing


def test_the_latest_campaign_judged_every_promise() -> None:
    """A campaign that skipped some promises must not look as good as a complete one."""
    rows = re.findall(r"^\| ([^|#]+?) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE)

    assert list(PROMISES) == [promise for promise, _, _ in rows]
    assert all(int(tries) > 0 for _, tries, _ in rows)
