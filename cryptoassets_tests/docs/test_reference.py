"""Promises: the reference is what the code says now; `.env.example` has every setting."""

import pytest

from cryptoassets.settings import Settings
from cryptoassets_tests.docs.pages import ENV_EXAMPLE
from scripts import reference


def test_the_page_is_what_the_code_says_now() -> None:
    """Edited by hand it would be overwritten; out of date it would mislead."""
    is_fresh = reference.PAGE.read_text() == reference.text()

    assert is_fresh, "docs/reference.md is stale: run `make reference` and commit the page"


def test_what_is_not_described_is_refused() -> None:
    """An empty cell is overlooked; a failing `make reference` is not."""
    with pytest.raises(ValueError, match="not described"):
        reference.one_line(None)


def test_a_description_cannot_break_its_table() -> None:
    """Docstrings have several lines, and a bar would begin another cell."""
    assert r"one \| two" == reference.one_line("one |\n    two")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_in_env_example_with_its_default(name: str) -> None:
    """People copy the file and look there for what can be set."""
    block = next(b for b in ENV_EXAMPLE.read_text().split("\n\n") if f"#{name.upper()}=" in b)
    default = Settings.model_fields[name].default

    assert "# Default: " in block
    if default is not None:
        assert f"# Default: {default}\n" in block
        assert f"#{name.upper()}={default}" in block


def test_env_example_changes_nothing_as_it_is() -> None:
    """Copied unchanged, it must not turn a default into a setting."""
    lines = ENV_EXAMPLE.read_text().splitlines()

    assert [] == [line for line in lines if line and not line.startswith("#")]
