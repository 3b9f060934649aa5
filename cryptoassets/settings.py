"""Every setting: variable, type, default, unit; read once into a frozen object.

What goes here: what a user can set in the environment or in `.env`. What stays out: how an empty
URL becomes a running server (in `embedded`).
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cryptoassets.errors import SettingsError

SourceKind = Literal["coincap", "simulator", "replay"]
"""Where data comes from; stored with every document and row."""
Interval = Literal["m1", "m5", "m15", "m30", "h1", "h2", "h6", "h12", "d1"]
"""CoinCap's names of the distance between two points of history."""

COINCAP_V3_URL = "https://rest.coincap.io/v3"

# A bare @ or / in the password would make part of it the host, and messages name the host.
_POSTGRES_URL = re.compile(r"postgres(ql)?://([^@/?]*@)?[^@/?]*(/[^@/?]+)(\?.*)?")
_MONGO_URL = re.compile(r"mongodb(\+srv)?://([^@/?:]*(:[^@/?:]*)?@)?[^@/?]+(/[^@]*)?")
_HTTP_URL = re.compile(r"https?://[^/\s]+(/\S*)?")
_SPARK_MASTER = re.compile(r"local(\[[\d*, ]+\])?|(spark|sc|k8s)://\S+|yarn")


def project_root() -> Path:
    """Return the folder of `dagster.yaml` and `.env`: the checkout, or the current folder."""
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "dagster.yaml").is_file() else Path.cwd()


class Settings(BaseSettings):
    """The settings in force. Names are those of the environment, in lower case."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    coincap_url: str | None = None
    """Base URL; empty: CoinCap v3 with a key, the simulator without."""
    coincap_api_key: SecretStr | None = None
    """Sent as bearer token, never logged."""
    coincap_coins: Annotated[int, Field(ge=1)] = 100
    """Coins a snapshot holds, top N by rank."""
    coincap_monthly_credits: Annotated[int, Field(ge=0)] = 4000
    """Credits of the plan per calendar month (UTC); 0 = no limit."""
    coincap_history_interval: Interval = "h1"
    """Distance between two points of history."""
    cryptoassets_retention_days: Annotated[int, Field(ge=0)] = 0
    """Days whose data is kept whole; 0 = all. `retention` deletes what is older."""
    mongo_url: SecretStr | None = None
    mongo_database: str = "datalake"
    postgres_url: SecretStr | None = None
    spark_master: str = "local[*]"
    clean_path: str | None = None
    """Folder or URI of the cleaned Parquet; driver and workers must share it."""
    cryptoassets_home: Path = Path(".cryptoassets")
    dagster_runs_retention_days: Annotated[float, Field(ge=0)] = 0
    """Age in days from which the job `purge_old_runs` deletes finished runs; 0: it does nothing."""

    @field_validator("postgres_url")
    @classmethod
    def _refuse_misread_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _POSTGRES_URL.fullmatch(url.get_secret_value()):
            message = (
                "POSTGRES_URL cannot be read. It looks like postgresql://user:password@host:5432/"
                "bigdata_db; in the password write @ as %40, / as %2F, : as %3A and % as %25"
            )
            raise ValueError(message)
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
            message = "it looks like https://rest.coincap.io/v3"
            raise ValueError(message)
        # Unlike a password of MongoDB's, this URL is shown in messages and stored with answers.
        if url is not None and re.search("[@?#]", url):
            message = (
                "it must hold no user, password, query or fragment, because messages and files "
                "show it. It looks like https://rest.coincap.io/v3; the key belongs in "
                "COINCAP_API_KEY"
            )
            raise ValueError(message)
        return url

    @field_validator("spark_master")
    @classmethod
    def _refuse_unknown_masters(cls, master: str) -> str:
        if not _SPARK_MASTER.fullmatch(master):
            message = "it looks like local[*], spark://host:7077 or sc://host:15002"
            raise ValueError(message)
        return master

    @field_validator("coincap_api_key")
    @classmethod
    def _refuse_unsendable_key(cls, key: SecretStr | None) -> SecretStr | None:
        text = key.get_secret_value() if key else ""
        if not (text.isascii() and text.isprintable()):
            message = "it holds characters that no key has, such as a line break"
            raise ValueError(message)
        return key

    @cached_property
    def home(self) -> Path:
        """Absolute folder of embedded stores, logs and Dagster's home."""
        return (project_root() / self.cryptoassets_home.expanduser()).resolve()

    @property
    def known_source(self) -> SourceKind | None:
        """The source as far as settings alone tell; None: only the server at the URL knows."""
        if self.coincap_url is None:
            return "coincap" if self.coincap_api_key else "simulator"
        host = urlsplit(self.coincap_url).hostname or ""
        return "coincap" if host == "coincap.io" or host.endswith(".coincap.io") else None


def load_settings() -> Settings:
    """Read the environment and the project's `.env`.

    Raises:
        SettingsError: a value cannot be used; names the variable, never its value.
    """
    try:
        return Settings(_env_file=project_root() / ".env")
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        message = f"Wrong setting: {problems}. Mend it in the environment or in .env"
        raise SettingsError(message) from None
