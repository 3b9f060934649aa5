"""Refuses setting values that cannot be used; no message quotes a secret.

What goes here: one function per kind of value, which returns the value or raises an error. What
stays out: the settings themselves (in `settings`).
"""

import re
import unicodedata

from pydantic import SecretStr, ValidationInfo

# After an unescaped @ or /, part of a password would be read as the host, which messages show.
_CHARACTER = "(?:[^@/?%]|%[0-9a-fA-F]{2})"
_HOST = rf"(?:\[[^@/?\]]+\]|(?![^@/?]*[\[\]])(?:(?![:,]){_CHARACTER})*)(?::\d*)?"
_POSTGRES_URL = re.compile(
    rf"postgres(ql)?://({_CHARACTER}*@)?{_HOST}(,{_HOST})*/{_CHARACTER}+"
    r"(\?([^%]|%[0-9a-fA-F]{2})*)?"
)
_MONGO_URL = re.compile(r"mongodb(\+srv)?://([^@/?:]*(:[^@/?:]*)?@)?[^@/?]+(/[^@]*)?")
_ALERT_URL = re.compile(r"[A-Za-z][\w+.-]*://\S+", re.ASCII)
_HTTP_URL = re.compile(r"https?://[^/\s]+(/\S*)?")
_SPARK_MASTER = re.compile(r"local(\[[\d*, ]+\])?|(spark|k8s)://\S+|yarn")
CLEAN_URI = re.compile(r"hdfs://[^/\s]+/[^\s\[\]{}*?,]*|file:///[^\[\]{}*?,]*")
# In every path, Spark and Hadoop read these as a pattern, a list separator or an escape character.
_MISREAD_IN_PATHS = frozenset('[]{}*?,\\"')
# MongoDB refuses these in the name of a database.
_MISREAD_IN_DATABASES = frozenset('/\\. "$*<>:|?')
_MAX_DATABASE_BYTES = 63
_PAGE = re.compile(r"[a-z-]+=https?://[^|\s@]+(\|https?://[^|\s@]+)?")
_HOST_NAME = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*", re.ASCII)


def misread_postgres_url(variable: str = "POSTGRES_URL") -> str:
    """Return the message about an unreadable PostgreSQL URL; it does not quote the URL."""
    return (
        f"{variable} cannot be read. It must look like "
        "postgresql://user:password@host:5432/bigdata_db; in the password, write @ as %40, / as "
        "%2F, : as %3A and % as %25"
    )


def postgres_url(url: SecretStr | None, field: ValidationInfo) -> SecretStr | None:
    """Refuse a PostgreSQL URL if part of it would be misread."""
    if url is not None and not _POSTGRES_URL.fullmatch(url.get_secret_value()):
        raise ValueError(misread_postgres_url((field.field_name or "").upper()))
    return url


def mongo_url(url: SecretStr | None) -> SecretStr | None:
    """Refuse a MongoDB URL if part of it would be misread."""
    if url is not None and not _MONGO_URL.fullmatch(url.get_secret_value()):
        message = (
            "MONGO_URL cannot be read. It must look like mongodb://user:password@host:27017/; in "
            "the password, write @ as %40, / as %2F, : as %3A and % as %25"
        )
        raise ValueError(message)
    return url


def alert_urls(urls: SecretStr | None) -> SecretStr | None:
    """Refuse alert addresses that are not URLs."""
    words = urls.get_secret_value().split() if urls else []
    if not all(_ALERT_URL.fullmatch(word) for word in words):
        message = (
            "every address must look like scheme://..., such as slack://... or mailto://...; "
            "write a space in it as %20"
        )
        raise ValueError(message)
    return urls


def coincap_url(url: str | None) -> str | None:
    """Refuse protocols other than HTTP, and secrets, because messages show the URL."""
    if url is not None and not _HTTP_URL.fullmatch(url):
        message = "it must look like https://rest.coincap.io/v3"
        raise ValueError(message)
    # Unlike MongoDB's URL, this URL is shown in messages and stored with responses.
    if url is not None and re.search("[@?#]", url):
        message = (
            "it must contain no user, password, query or fragment, because messages and files "
            "show it. It must look like https://rest.coincap.io/v3; the key belongs in "
            "COINCAP_API_KEY"
        )
        raise ValueError(message)
    return url


def spark_master(master: str) -> str:
    """Refuse a master that Spark or this project does not support."""
    if not _SPARK_MASTER.fullmatch(master):
        hint = "; Spark Connect (sc://) is not supported yet" if master[:5] == "sc://" else ""
        message = f"it must look like local[*] or spark://host:7077{hint}"
        raise ValueError(message)
    return master


def mongo_database(name: str) -> str:
    """Refuse a database name that MongoDB does not accept."""
    is_misread = _MISREAD_IN_DATABASES & set(name) or not name.isprintable()
    if is_misread or len(name.encode()) > _MAX_DATABASE_BYTES:
        message = (
            "MongoDB does not accept this name. Use at most 63 letters, digits, hyphens "
            "and underscores, such as datalake"
        )
        raise ValueError(message)
    return name


def host_names(names: str | None) -> str | None:
    """Refuse everything but host names; `*` alone is refused, as it would allow every page."""
    if not all(_HOST_NAME.fullmatch(name) for name in (names or "").split()):
        message = (
            "it must contain host names without scheme and port, separated by spaces, such as "
            "`dagster.example.com *.lan`; `*` alone would allow every web page"
        )
        raise ValueError(message)
    return names


def pages(pages: str | None) -> str | None:
    """Refuse pages unless they have the form `name=URL` or `name=URL|URL`."""
    if not all(_PAGE.fullmatch(page) for page in (pages or "").split()):
        message = "it must look like dagster=http://localhost:3000 spark=http://localhost:8080"
        raise ValueError(message)
    return pages


def api_key(key: SecretStr | None) -> SecretStr | None:
    """Refuse a key that cannot be sent in a header."""
    text = key.get_secret_value() if key else ""
    if not (text.isascii() and text.isprintable()):
        message = "it contains characters that no key has, such as a line break"
        raise ValueError(message)
    return key


def refuse_misread_characters(path: str) -> None:
    """Refuse a path that Spark would misread."""
    misread = sorted(_MISREAD_IN_PATHS & set(path))
    has_control = any(unicodedata.category(character) in {"Cc", "Cs"} for character in path)
    if misread or has_control:
        characters = " ".join(misread) or "a line break or another control character"
        message = f"Spark cannot read a path with {characters}. Choose a folder without it"
        raise ValueError(message)
