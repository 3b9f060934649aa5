"""Promises: the home is its user's alone under any umask; a secret in COINCAP_URL goes nowhere."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoassets_tests.e2e.homes import Home

pytestmark = [pytest.mark.mongo, pytest.mark.postgres]


@pytest.fixture(params=[0, 0o077], ids=["umask 0", "umask 077"])
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    """A home under the laxest and the strictest umask; `test_run` looks at what a run makes."""
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-home-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = Home(folder, umask=request.param)
    yield home
    home.command("down")
    shutil.rmtree(folder, ignore_errors=True)


def test_files_and_secrets_are_private_under_any_umask(home: Home) -> None:
    """PostgreSQL of root's runs as another account, which must get through to its data.

    A secret in COINCAP_URL stood in sources.json, in messages and with every dead letter.
    """
    started = home.command("up")

    assert 0 == started.code, started.text
    assert [] == home.open_to_others()
    for verb, url in (
        ("run", "http://me:planted@127.0.0.1:9/v3"),
        ("status", "http://127.0.0.1:9/v3?apiKey=planted"),
    ):
        refused = home.command(verb, COINCAP_URL=url)

        assert 2 == refused.code, refused.text
        assert "COINCAP_URL: it must contain no user, password, query" in refused.text
        assert "planted" not in refused.text
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"planted" in path.read_bytes()]
