"""The reference page is up to date with the code, and `.env.example` contains every setting."""

import pytest

from cryptoassets.settings import Settings
from cryptoassets_tests.docs.pages import ENV_EXAMPLE
from scripts import reference


def test_the_reference_page_is_up_to_date() -> None:
    """An outdated page would mislead users, and changes made by hand would be overwritten."""
    is_fresh = reference.PAGE.read_text() == reference.text()

    assert is_fresh, "docs/reference.md is stale: run `make reference` and commit the page"


def test_a_missing_description_is_an_error() -> None:
    """An empty cell would be overlooked; a failing `make reference` would not."""
    with pytest.raises(ValueError, match="description is missing"):
        reference.one_line(None)


def test_a_description_cannot_break_its_table() -> None:
    """Docstrings have several lines, and a vertical bar would start another cell."""
    assert r"one \| two" == reference.one_line("one |\n    two")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_setting_is_in_env_example_with_its_default(name: str) -> None:
    """Users copy the file and look there for available settings."""
    block = next(b for b in ENV_EXAMPLE.read_text().split("\n\n") if f"#{name.upper()}=" in b)
    default = Settings.model_fields[name].default

    assert "# Default: " in block
    if default is not None:
        assert f"# Default: {default}\n" in block
        assert f"#{name.upper()}={default}" in block


def test_an_unchanged_copy_of_env_example_changes_no_setting() -> None:
    """All settings in the file must be commented out."""
    lines = ENV_EXAMPLE.read_text().splitlines()

    assert [] == [line for line in lines if line and not line.startswith("#")]
