"""Promises: the home is its user's alone under any umask; a secret in COINCAP_URL goes nowhere."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets_tests.e2e.homes import Home

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]


@pytest.fixture
def home() -> Iterator[Home]:
    """A home under the strictest umask; `test_run` looks at what a run makes under umask 0."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-home-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = Home(folder, umask=0o077)
    yield home
    home.command("down")
    shutil.rmtree(folder, ignore_errors=True)


def test_everything_starts_under_the_strictest_umask(home: Home) -> None:
    """PostgreSQL of root's runs as another account, which must get through to its data."""
    started = home.command("up")

    assert 0 == started.code, started.text
    assert [] == home.open_to_others()
    assert "POSTGRES_URL" in home.settings


def test_a_secret_in_the_sources_url_is_refused_and_kept_nowhere(home: Home) -> None:
    """It stood in sources.json, in messages and with every dead letter."""
    for verb, url in (
        ("run", "http://me:planted@127.0.0.1:9/v3"),
        ("status", "http://127.0.0.1:9/v3?apiKey=planted"),
    ):
        refused = home.command(verb, COINCAP_URL=url)

        assert 2 == refused.code, refused.text
        assert "COINCAP_URL: it must hold no user, password, query" in refused.text
        assert "planted" not in refused.text
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"planted" in path.read_bytes()]
