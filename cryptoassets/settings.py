"""Every setting: variable, type, default, unit; read into a frozen object.

What goes here: what a user can set in the environment or in `.env`; `make reference` writes the
descriptions to `docs/reference.md`. What stays out: how an empty URL becomes a running server (in
`embedded`).
"""

import re
import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cryptoassets.environment import secret_from_file
from cryptoassets.errors import SettingsError
from cryptoassets.origins import LOOPBACK_HOSTS

SourceKind = Literal["coincap", "simulator", "replay"]
"""Where data comes from; stored with every document and row."""
Interval = Literal["m1", "m5", "m15", "m30", "h1", "h2", "h6", "h12", "d1"]
"""CoinCap's names for the distance between two points of history."""

COINCAP_V3_URL = "https://rest.coincap.io/v3"

MISREAD_POSTGRES_URL = (
    "POSTGRES_URL cannot be read. It looks like postgresql://user:password@host:5432/bigdata_db; "
    "in the password write @ as %40, / as %2F, : as %3A and % as %25"
)
# With a bare @ or /, part of the password would be read as the host, and messages name the host.
_POSTGRES_URL = re.compile(r"postgres(ql)?://([^@/?]*@)?[^@/?]*(/[^@/?]+)(\?.*)?")
_MONGO_URL = re.compile(r"mongodb(\+srv)?://([^@/?:]*(:[^@/?:]*)?@)?[^@/?]+(/[^@]*)?")
_HTTP_URL = re.compile(r"https?://[^/\s]+(/\S*)?")
_SPARK_MASTER = re.compile(r"local(\[[\d*, ]+\])?|(spark|k8s)://\S+|yarn")
_CLEAN_URI = re.compile(r"hdfs://[^/\s]+/[^\s\[\]{}*?,]*|file:///[^\[\]{}*?,]*")
# Spark and Hadoop treat these as a pattern, a list or an escape in every path.
_MISREAD_IN_PATHS = frozenset('[]{}*?,\\"')
# MongoDB refuses these in the name of a database.
_MISREAD_IN_DATABASES = frozenset('/\\. "$*<>:|?')
_LONGEST_DATABASE_BYTES = 63
_HOST_NAME = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*", re.ASCII)


def project_root() -> Path:
    """Return the folder of `dagster.yaml` and `.env`: the checkout, or the current folder."""
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "dagster.yaml").is_file() else Path.cwd()


class Settings(BaseSettings):
    """The current settings. Fields are named like the environment variables, in lower case."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    coincap_url: str | None = Field(
        None,
        description="Base URL of the API, e.g. `https://rest.coincap.io/v3`. Unset: CoinCap v3 "
        "with a key, the simulator without. A user, password, query or fragment in it is refused, "
        "because messages show the URL.",
    )
    coincap_api_key: SecretStr | None = Field(
        None, description="Key of CoinCap v3, sent as bearer token and never logged."
    )
    coincap_coins: int = Field(
        100, ge=1, description="Number of coins in a snapshot: the top N by rank."
    )
    coincap_monthly_credits: int = Field(
        4000,
        ge=0,
        description="Credits of your plan per calendar month (UTC); 0 = no limit. The simulator "
        "and replays cost none.",
    )
    coincap_history_interval: Interval = Field(
        "h1",
        description="Distance between two points of history: m1 m5 m15 m30 h1 h2 h6 h12 d1.",
    )
    cryptoassets_retention_days: int = Field(
        0,
        ge=0,
        description="Days before today whose data is kept, plus the 7 days before them, which "
        "their marts look back on. The command and the job `retention` delete older data. "
        "0 = keep everything.",
    )
    mongo_url: SecretStr | None = Field(
        None,
        description="URL of MongoDB, the data lake. Unset: an embedded server, started when "
        "needed.",
    )
    mongo_url_file: str | None = Field(
        None,
        description="File that contains `MONGO_URL`, instead of that variable. Each worker "
        "of a Spark cluster has its own file.",
    )
    mongo_database: str = Field(
        "datalake",
        description="Database of the data lake: letters, digits, hyphens and underscores.",
    )
    postgres_url: SecretStr | None = Field(
        None,
        description="URL of PostgreSQL, e.g. "
        "`postgresql://user:password@localhost:5432/bigdata_db`; its database must be UTF-8. "
        "Unset: an embedded server, started when needed. `PG*` variables and `~/.pgpass` are "
        "ignored; put such options into the URL (`?sslmode=require`, `?passfile=...`).",
    )
    postgres_url_file: str | None = Field(
        None,
        description="File that contains `POSTGRES_URL`, instead of that variable. Each worker "
        "of a Spark cluster has its own file.",
    )
    spark_master: str = Field(
        "local[*]",
        description="Spark's master: `local[*]`, or a cluster such as `spark://host:7077`; `yarn` "
        "and `k8s://` are accepted but untested.",
    )
    clean_path: str | None = Field(
        None,
        description="Folder of the cleaned Parquet, which Spark's driver and workers share; "
        "`hdfs://host:8020/clean` is accepted but untested. Give each source its own folder. "
        "Unset: a folder `clean` below `CRYPTOASSETS_HOME`, one for each source.",
    )
    cryptoassets_home: Path = Field(
        Path(".cryptoassets"),
        description="Folder of the embedded stores' data, of logs and of Dagster's home; its path "
        'must not contain any of `[ ] { } * ? , \\ "`.',
    )
    cryptoassets_allowed_hosts: str | None = Field(
        None,
        description="Host names, separated by spaces, under which Dagster's page may be opened in "
        "addition to localhost; `*.example.com` includes every name below it.",
    )
    dagster_runs_retention_days: float = Field(
        0,
        ge=0,
        description="Age in days from which the job `purge_old_runs` deletes finished runs with "
        "their events; 0 = never.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        read = {}
        for name in ("mongo_url", "postgres_url"):
            file, variable = values.get(f"{name}_file"), name.upper()
            if file is not None and values.get(name) is not None:
                raise SettingsError(
                    f"Wrong setting: {variable} and {variable}_FILE are both set. Unset one of "
                    "them in the environment or in .env"
                )
            if file is not None:
                path = project_root() / Path(file).expanduser()
                read[name] = secret_from_file(f"{variable}_FILE", str(path))
        return {**values, **read}

    @field_validator("postgres_url")
    @classmethod
    def _refuse_misread_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _POSTGRES_URL.fullmatch(url.get_secret_value()):
            raise ValueError(MISREAD_POSTGRES_URL)
        return url

    @field_validator("mongo_url")
    @classmethod
    def _refuse_misread_mongo_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _MONGO_URL.fullmatch(url.get_secret_value()):
            message = (
                "MONGO_URL cannot be read. It looks like mongodb://user:password@host:27017/; in "
                "the password write @ as %40, / as %2F, : as %3A and % as %25"
            )
            raise ValueError(message)
        return url

    @field_validator("coincap_url")
    @classmethod
    def _refuse_other_protocols_and_secrets(cls, url: str | None) -> str | None:
        if url is not None and not _HTTP_URL.fullmatch(url):
            message = "it must look like https://rest.coincap.io/v3"
            raise ValueError(message)
        # Unlike MongoDB's URL, this URL is shown in messages and stored with answers.
        if url is not None and re.search("[@?#]", url):
            message = (
                "it must contain no user, password, query or fragment, because messages and files "
                "show it. It must look like https://rest.coincap.io/v3; the key belongs in "
                "COINCAP_API_KEY"
            )
            raise ValueError(message)
        return url

    @field_validator("spark_master")
    @classmethod
    def _refuse_unknown_masters(cls, master: str) -> str:
        if not _SPARK_MASTER.fullmatch(master):
            hint = "; Spark Connect (sc://) is not supported yet" if master[:5] == "sc://" else ""
            message = f"it must look like local[*] or spark://host:7077{hint}"
            raise ValueError(message)
        return master

    @field_validator("mongo_database")
    @classmethod
    def _refuse_database_that_mongodb_refuses(cls, name: str) -> str:
        is_misread = _MISREAD_IN_DATABASES & set(name) or not name.isprintable()
        if is_misread or len(name.encode()) > _LONGEST_DATABASE_BYTES:
            message = (
                "MongoDB does not accept this name. Use at most 63 letters, digits, hyphens "
                "and underscores, such as datalake"
            )
            raise ValueError(message)
        return name

    @field_validator("clean_path")
    @classmethod
    def _refuse_unusable_clean_path(cls, path: str | None) -> str | None:
        if path is not None and "://" not in path:
            _refuse_misread_characters(str(project_root() / Path(path).expanduser()))
        elif path is not None and not _CLEAN_URI.fullmatch(path):
            message = (
                "it must be a folder that driver and workers share, or hdfs://host:8020/clean, "
                "which is untested; s3a:// and gs:// are not supported yet"
            )
            raise ValueError(message)
        return path

    @field_validator("cryptoassets_home")
    @classmethod
    def _refuse_misread_home(cls, home: Path) -> Path:
        _refuse_misread_characters(str((project_root() / home.expanduser()).resolve()))
        return home

    @field_validator("cryptoassets_allowed_hosts")
    @classmethod
    def _refuse_all_hosts(cls, names: str | None) -> str | None:
        if not all(_HOST_NAME.fullmatch(name) for name in (names or "").split()):
            message = (
                "it must contain host names without scheme and port, separated by spaces, such as "
                "`dagster.example.com *.lan`; `*` alone would allow every web page"
            )
            raise ValueError(message)
        return names

    @field_validator("coincap_api_key")
    @classmethod
    def _refuse_unsendable_key(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else ""
        if not (text.isascii() and text.isprintable()):
            message = "it contains characters that no key has, such as a line break"
            raise ValueError(message)
        return key

    @cached_property
    def home(self) -> Path:
        """Absolute folder of embedded stores, logs and Dagster's home."""
        return (project_root() / self.cryptoassets_home.expanduser()).resolve()

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Host names, without port, that requests to Dagster's page may name."""
        return (*LOOPBACK_HOSTS, *(self.cryptoassets_allowed_hosts or "").split())

    @property
    def known_source(self) -> SourceKind | None:
        """The source, if the settings alone determine it; None: only the server knows."""
        if self.coincap_url is None:
            return "coincap" if self.coincap_api_key else "simulator"
        host = urlsplit(self.coincap_url).hostname or ""
        return "coincap" if host == "coincap.io" or host.endswith(".coincap.io") else None


def _refuse_misread_characters(path: str) -> None:
    misread = sorted(_MISREAD_IN_PATHS & set(path))
    has_control = any(unicodedata.category(character) in {"Cc", "Cs"} for character in path)
    if misread or has_control:
        characters = " ".join(misread) or "a line break or another control character"
        message = f"Spark cannot read a path with {characters}. Choose a folder without it"
        raise ValueError(message)


def load_settings() -> Settings:
    """Read the environment and the project's `.env`.

    Raises:
        SettingsError: a value cannot be used; the message names the variable, never its value.
    """
    try:
        return Settings(_env_file=project_root() / ".env")
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        message = f"Wrong setting: {problems}. Correct it in the environment or in .env"
        raise SettingsError(message) from None
