"""`CLEAN_PATH` names the same location for the driver and the workers."""

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
def test_spark_gets_a_path_below_the_configured_uri(
    monkeypatch: pytest.MonkeyPatch, clean_path: str, uri: str
) -> None:
    """The URI is built from `CLEAN_PATH`, because Arrow renames some schemes and drops the host."""
    monkeypatch.setenv("CLEAN_PATH", clean_path)
    store, root = clean_store()

    assert uri == spark_uri(store, f"{root}/coin_prices")


@pytest.mark.parametrize("clean_path", ["ftp://host/clean", "s3a://bucket/clean", "gs://b/clean"])
def test_an_unusable_uri_is_refused_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, clean_path: str
) -> None:
    """The message names the allowed values."""
    monkeypatch.setenv("CLEAN_PATH", clean_path)

    with pytest.raises(SettingsError, match=r"CLEAN_PATH: .*a folder that driver and workers"):
        clean_store()
