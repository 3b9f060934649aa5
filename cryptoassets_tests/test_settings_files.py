"""Settings are read from the environment, from `.env`, and from files that a setting names."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from cryptoassets.errors import SettingsError
from cryptoassets.settings import Settings, load_settings

URLS = {
    "MONGO_URL": "mongodb://me@host:27017/",
    "POSTGRES_URL": "postgresql://me@host/base",
    "ANALYST_URL": "postgresql://analyst@host/base",
}


@pytest.mark.parametrize("name", sorted(URLS))
def test_a_url_is_read_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Secrets are often stored in files, to which editors add a final line break."""
    (tmp_path / "secret").write_text(f"{URLS[name]}\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))

    read = getattr(load_settings(), name.lower())

    assert URLS[name] == read.get_secret_value()


@pytest.mark.parametrize("name", sorted(URLS))
def test_setting_both_a_variable_and_its_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """It would be unclear which of the two values is intended."""
    monkeypatch.setenv(name, URLS[name])
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))

    with pytest.raises(SettingsError, match=rf"{name} and {name}_FILE are both set"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "POSTGRES_URL_FILE names .*secret, which cannot be used: No such file"),
        ("\n", "POSTGRES_URL_FILE names .*secret, which cannot be used: it is empty"),
        ("mysql://me:planted@host/base", "POSTGRES_URL cannot be read"),
    ],
)
def test_a_file_without_a_valid_url_is_refused_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, words: str
) -> None:
    """The message must show which variable is wrong."""
    if content is not None:
        (tmp_path / "secret").write_text(content)
    monkeypatch.setenv("POSTGRES_URL_FILE", str(tmp_path / "secret"))

    with pytest.raises(SettingsError, match=words) as caught:
        load_settings()

    assert "planted" not in str(caught.value)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    """Users write `.env`; scripts override it in the environment."""
    file = tmp_path / ".env"
    file.write_text("COINCAP_COINS=7\nCOINCAP_MONTHLY_CREDITS=9\nUNKNOWN=1\n")

    settings = Settings(_env_file=file, coincap_coins=8)

    assert (8, 9) == (settings.coincap_coins, settings.coincap_monthly_credits)


def test_changed_settings_are_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings are validated only once, but a server that runs for days sees every change."""
    monkeypatch.setenv("CRYPTOASSETS_HOME", str(tmp_path))
    first = load_settings()
    assert first is load_settings()

    (tmp_path / ".env").write_text("COINCAP_COINS=7\n")
    assert 7 == load_settings().coincap_coins
    (tmp_path / ".env").write_text("COINCAP_COINS=8\n")
    assert 8 == load_settings().coincap_coins
    monkeypatch.setenv("COINCAP_COINS", "9")
    assert 9 == load_settings().coincap_coins
    (tmp_path / "secret").write_text("mongodb://one/")
    monkeypatch.setenv("MONGO_URL_FILE", str(tmp_path / "secret"))
    assert SecretStr("mongodb://one/") == load_settings().mongo_url
    (tmp_path / "secret").write_text("mongodb://two/")
    assert SecretStr("mongodb://two/") == load_settings().mongo_url
