"""`CLEAN_PATH`: driver and workers use the same place."""

import pytest

from cryptoassets.errors import SettingsError
from cryptoassets.stores.clean_files import clean_store, spark_uri


@pytest.mark.parametrize(
    ("clean_path", "uri"),
    [
        ("/var/clean", "file:///var/clean/coin_prices"),
        ("file:///var/clean/", "file:///var/clean/coin_prices"),
        ("/var/my clean", "file:///var/my clean/coin_prices"),
    ],
)
def test_spark_reads_a_path_below_the_uri_that_was_set(
    monkeypatch: pytest.MonkeyPatch, clean_path: str, uri: str
) -> None:
    """Arrow uses other names for some file systems, and drops the host of a URI."""
    monkeypatch.setenv("CLEAN_PATH", clean_path)
    store, root = clean_store()

    assert uri == spark_uri(store, f"{root}/coin_prices")


@pytest.mark.parametrize("clean_path", ["ftp://host/clean", "s3a://bucket/clean", "gs://b/clean"])
def test_a_uri_that_cannot_be_used_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, clean_path: str
) -> None:
    """The message names the allowed values."""
    monkeypatch.setenv("CLEAN_PATH", clean_path)

    with pytest.raises(SettingsError, match=r"CLEAN_PATH: .*a folder that driver and workers"):
        clean_store()
