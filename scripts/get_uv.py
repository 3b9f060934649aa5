# ruff: noqa: INP001 -- run by path, before there is any package
"""Installs `uv` into a folder: with pip if that works, else from its wheel in the package index.

What goes here: only what must run before any package is installed, with the standard library only.
What stays out: everything that uv itself does. Usage: `python3 scripts/get_uv.py FOLDER`.
"""

import configparser
import hashlib
import html.parser
import importlib.util
import io
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

PYPI = "https://pypi.org/simple"
JSON_FORM = "application/vnd.pypi.simple.v1+json"
TIMEOUT_SECONDS = 60
Link = tuple[str, str]  # URL and SHA-256 of a wheel


def main(folder: Path) -> None:
    """Install `uv` into `folder`/bin; print progress, or one sentence about the failure."""
    if install_with_pip(folder):
        return
    index = configured_index()
    report(f"Fetching uv's wheel from {without_password(index)}")
    try:
        url, sha256 = newest_wheel(wheel_links(index))
        wheel = read(url)[0]
    except OSError as error:
        sys.exit(f"uv cannot be fetched ({error}). Check the network, or install uv yourself")
    if hashlib.sha256(wheel).hexdigest() != sha256:
        sys.exit(f"{without_password(url)} does not match the index (SHA-256 differs)")
    unpack(wheel, folder)


def install_with_pip(folder: Path) -> bool:
    """Try pip, which has the best support for proxies and log-ins; return whether it succeeded."""
    if importlib.util.find_spec("pip") is None:
        return False
    report("Installing uv with pip")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "uv"]
    quiet = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run(command, env=quiet, capture_output=True, check=False).returncode == 0


def configured_index() -> str:
    """Return the index configured on this machine: uv's, else pip's, else PyPI."""
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        named = os.environ.get(variable)
        if named:
            # UV_DEFAULT_INDEX may contain the index's name: `company=https://...`.
            return re.sub(r"^[\w-]+=(?=https?://)", "", named).rstrip("/")
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    files = [
        os.environ.get("PIP_CONFIG_FILE"),
        home / "pip/pip.conf",
        Path.home() / ".pip/pip.conf",
    ]
    for file in [*files, Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]:
        parser = configparser.ConfigParser(interpolation=None)
        if file and parser.read(file):
            for section in ("install", "global"):
                named = parser.get(section, "index-url", fallback=None)
                if named:
                    return named.rstrip("/")
    return PYPI


def wheel_links(index: str) -> list[Link]:
    """Read uv's page in the index, as JSON (PEP 691) or HTML (PEP 503)."""
    page, kind, base = read(f"{index}/uv/", accept=f"{JSON_FORM}, text/html;q=0.5")
    if "json" in kind:
        files = [file for file in json.loads(page)["files"] if not file.get("yanked")]
        links = [(file["url"], file["hashes"].get("sha256", "")) for file in files]
    else:
        parser = LinkParser()
        parser.feed(page.decode())
        links = [(url, part.partition("sha256=")[2]) for url, _, part in parser.split_links()]
    return [(urllib.parse.urljoin(base, url), sha256) for url, sha256 in links if sha256]


class LinkParser(html.parser.HTMLParser):
    """Collects the links of a PEP 503 page, except yanked ones."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect a link."""
        values = dict(attrs)
        if tag == "a" and "data-yanked" not in values and values.get("href"):
            self.links.append(values["href"] or "")

    def split_links(self) -> list[tuple[str, str, str]]:
        """Return the links, each split at `#`."""
        return [link.partition("#") for link in self.links]


def newest_wheel(links: list[Link]) -> Link:
    """Return the wheel of the newest final release for this machine."""
    named = [
        (re.search(r"/uv-(\d+(?:\.\d+)*)-py3-none-([\w.]+)\.whl$", url), url, sha256)
        for url, sha256 in links
    ]
    fitting = [
        (tuple(map(int, match[1].split("."))), url, sha256)
        for match, url, sha256 in named
        if match and fits(match[2])
    ]
    if not fitting:
        sys.exit(f"The package index has no uv for {sysconfig.get_platform()}. Install uv yourself")
    _, url, sha256 = max(fitting)
    return url, sha256


def fits(tags: str) -> bool:
    """Return whether a wheel's platform tags fit this machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine()
    )
    if sys.platform == "darwin":
        return tags.startswith("macosx") and tags.endswith(
            {"aarch64": "arm64"}.get(machine, machine)
        )
    # uv's programs for Linux are static or need only an old glibc; musl needs a separate wheel.
    libc = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
    return libc in tags and tags.endswith(machine)


def read(url: str, accept: str = "*/*") -> tuple[bytes, str, str]:
    """Return body, content type and final URL; log in with the URL's credentials, if any."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Accept": accept, "User-Agent": "cryptoassets-setup"}
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    opener = urllib.request.build_opener()
    if parts.username:
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        user, password = map(urllib.parse.unquote, (parts.username, parts.password or ""))
        passwords.add_password(None, bare, user, password, is_authenticated=True)
        opener.add_handler(urllib.request.HTTPBasicAuthHandler(passwords))
    request = urllib.request.Request(bare, headers=headers)  # noqa: S310 -- the user's own index
    with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
        return response.read(), response.headers.get_content_type(), response.url


def unpack(wheel: bytes, folder: Path) -> None:
    """Write the wheel's programs into `folder`/bin."""
    programs = folder / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        for name in archive.namelist():
            if re.search(r"\.data/scripts/uvx?$", name):
                program = programs / Path(name).name
                program.write_bytes(archive.read(name))
                program.chmod(0o755)


def without_password(url: str) -> str:
    """Return the URL without credentials, so that it can be shown."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()


def report(sentence: str) -> None:
    """Print progress."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
