"""All settings, with variable, type, default and unit, read into an immutable object.

What goes here: what a user can set in the environment or in `.env`; `make reference` writes the
descriptions to `docs/reference.md`. What stays out: starting a server for a URL that is not set (in
`embedded`).
"""

from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from cryptoassets import setting_values
from cryptoassets.definition_settings import DefinitionSettings, read_settings
from cryptoassets.environment import secret_from_file
from cryptoassets.errors import SettingsError
from cryptoassets.origins import LOOPBACK_HOSTS
from cryptoassets.project import HOME, default_home, project_root

SourceKind = Literal["coincap", "simulator", "replay"]
"""Where data comes from; stored with every document and row."""
Interval = Literal["m1", "m5", "m15", "m30", "h1", "h2", "h6", "h12", "d1"]
"""CoinCap's names for the time between two points of history."""

COINCAP_V3_URL = "https://rest.coincap.io/v3"


class Settings(DefinitionSettings):
    """The current settings. Fields are named like the environment variables, in lower case."""

    coincap_url: str | None = Field(
        None,
        description="Base URL of the API, e.g. `https://rest.coincap.io/v3`. Unset: CoinCap v3 "
        "if a key is set, else the simulator. A URL with a user, password, query or fragment is "
        "refused, because messages show the URL.",
    )
    coincap_api_key: SecretStr | None = Field(
        None, description="CoinCap v3 API key, sent as a bearer token and never logged."
    )
    coincap_api_key_file: str | None = Field(
        None, description="File that contains the API key; set it instead of `COINCAP_API_KEY`."
    )
    coincap_coins: int = Field(
        100, ge=1, description="Number of coins in a snapshot: the top N by rank."
    )
    coincap_monthly_credits: int = Field(
        4000,
        ge=0,
        description="Credits of your plan per calendar month (UTC); 0 = no limit. The simulator "
        "and replays use no credits.",
    )
    coincap_history_interval: Interval = Field(
        "h1",
        description="Time between two points of history: m1 m5 m15 m30 h1 h2 h6 h12 d1.",
    )
    cryptoassets_currencies: str = Field(
        "euro british-pound-sterling swiss-franc japanese-yen canadian-dollar australian-dollar "
        "chinese-yuan-renminbi indian-rupee polish-zloty swedish-krona",
        description="CoinCap's ids of the currencies whose rates are fetched, separated by spaces. "
        "`none`: no rates are fetched.",
    )
    cryptoassets_ecb_rates: str | None = Field(
        None,
        description="URL or path of the ECB's history of daily reference rates, as zip or csv, "
        "e.g. `https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip`. `run`, `backfill` "
        "and the job `rates` read it when a new day's rates are due. These rates convert prices "
        "on days that have no CoinCap rates.",
    )
    cryptoassets_retention_days: int = Field(
        0,
        ge=0,
        description="Number of days before today whose data is kept. The 31 days before them are "
        "kept as well, because the marts of the kept days depend on them. The command `retention` "
        "and the job `retention` delete older data. 0 = keep everything.",
    )
    mongo_url: SecretStr | None = Field(
        None,
        description="URL of MongoDB, the data lake. Unset: an embedded server is started when "
        "needed.",
    )
    mongo_url_file: str | None = Field(
        None,
        description="File that contains MongoDB's URL; set it instead of `MONGO_URL`. Each "
        "worker of a Spark cluster reads the file that this variable names in the worker's "
        "environment.",
    )
    postgres_url: SecretStr | None = Field(
        None,
        description="URL of PostgreSQL, e.g. "
        "`postgresql://user:password@localhost:5432/bigdata_db`; its database must be UTF-8. "
        "Unset: an embedded server is started when needed. `PG*` variables and `~/.pgpass` are "
        "ignored; put such options into the URL (`?sslmode=require`, `?passfile=...`).",
    )
    postgres_url_file: str | None = Field(
        None,
        description="File that contains PostgreSQL's URL; set it instead of `POSTGRES_URL`. Each "
        "worker of a Spark cluster reads the file that this variable names in the worker's "
        "environment.",
    )
    analyst_url: SecretStr | None = Field(
        None,
        description="URL of PostgreSQL for everything that only reads: `import cryptoassets`, "
        "`sql`, `export` and the dashboard. Its role must not be able to write. Unset: the role "
        "`analyst` of the embedded server; if `POSTGRES_URL` is set, this URL must be set as well.",
    )
    analyst_url_file: str | None = Field(
        None, description="File that contains the analyst's URL; set it instead of `ANALYST_URL`."
    )
    spark_master: str = Field(
        "local[*]",
        description="Spark master: `local[*]`, or a cluster such as `spark://host:7077`; `yarn` "
        "and `k8s://` are accepted but untested.",
    )
    spark_cores_per_run: int = Field(
        0,
        ge=0,
        description="Cores of a Spark cluster that each run uses. 0: if `CRYPTOASSETS_PAGES` names "
        "a standalone master's page, half of the workers' cores, so that two runs can work at "
        "once; otherwise Spark's `spark.cores.max`.",
    )
    clean_path: str | None = Field(
        None,
        description="Folder for the cleaned Parquet files; Spark's driver and workers must share "
        "it. `hdfs://host:8020/clean` is accepted but untested. Use a separate folder for each "
        "source. Unset: a separate folder `clean` for each source, below `CRYPTOASSETS_HOME`.",
    )
    cryptoassets_home: Path = Field(
        HOME,
        description="Folder for the embedded stores' data, logs and Dagster's home; its path "
        'must not contain any of `[ ] { } * ? , \\ "`. Unset: `.cryptoassets` in the checkout; '
        "for an installed package, the nearest `.cryptoassets` in the current folder or above it, "
        "else the user's data folder, such as `~/.local/share/cryptoassets`.",
    )
    cryptoassets_allowed_hosts: str | None = Field(
        None,
        description="Host names, separated by spaces, under which Dagster's page and the dashboard "
        "may be opened, in addition to localhost. `*.example.com` allows every subdomain.",
    )
    cryptoassets_pages: str | None = Field(
        None,
        description="Addresses of other pages, separated by spaces; the dashboard and alerts link "
        "to them. Each is `NAME=URL`, or `NAME=URL|URL` with a second URL for this platform's own "
        "requests. Names: dagster, airflow, spark, pgadmin, mongo-express. Unset: their "
        "usual ports on localhost.",
    )
    cryptoassets_alert_urls: SecretStr | None = Field(
        None,
        description="Addresses that receive alerts, as Apprise URLs separated by spaces, "
        "e.g. `slack://...  mailto://...`; never shown. Needs the extra `alerts`. Unset: no "
        "alerts.",
    )
    cryptoassets_alert_urls_file: str | None = Field(
        None,
        description="File that contains the alert addresses, which may be on separate lines; set "
        "it instead of `CRYPTOASSETS_ALERT_URLS`.",
    )
    dagster_runs_retention_days: float = Field(
        0,
        ge=0,
        description="Age in days after which the job `purge_old_runs` deletes finished runs and "
        "their events; 0 = never.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        read = {}
        secrets = ("coincap_api_key", "mongo_url", "postgres_url", "analyst_url")
        for name in (*secrets, "cryptoassets_alert_urls"):
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

    _check_postgres_url = field_validator("postgres_url", "analyst_url")(
        setting_values.postgres_url
    )
    _check_mongo_url = field_validator("mongo_url")(setting_values.mongo_url)
    _check_alert_urls = field_validator("cryptoassets_alert_urls")(setting_values.alert_urls)
    _check_coincap_url = field_validator("coincap_url")(setting_values.coincap_url)
    _check_spark_master = field_validator("spark_master")(setting_values.spark_master)
    _check_host_names = field_validator("cryptoassets_allowed_hosts")(setting_values.host_names)
    _check_pages = field_validator("cryptoassets_pages")(setting_values.pages)
    _check_api_key = field_validator("coincap_api_key")(setting_values.api_key)

    @field_validator("clean_path")
    @classmethod
    def _refuse_unusable_clean_path(cls, path: str | None) -> str | None:
        if path is not None and "://" not in path:
            setting_values.refuse_misread_characters(str(project_root() / Path(path).expanduser()))
        elif path is not None and not setting_values.CLEAN_URI.fullmatch(path):
            message = (
                "it must be a folder that driver and workers share, or hdfs://host:8020/clean, "
                "which is untested; s3a:// and gs:// are not supported yet"
            )
            raise ValueError(message)
        return path

    @field_validator("cryptoassets_home")
    @classmethod
    def _refuse_misread_home(cls, home: Path) -> Path:
        setting_values.refuse_misread_characters(
            str((project_root() / home.expanduser()).resolve())
        )
        return home

    @cached_property
    def home(self) -> Path:
        """Absolute path of the folder for embedded stores, logs and Dagster's home."""
        if "cryptoassets_home" not in self.model_fields_set:
            return default_home().resolve()
        return (project_root() / self.cryptoassets_home.expanduser()).resolve()

    @property
    def alert_urls(self) -> tuple[str, ...]:
        """Addresses that receive alerts; they contain secrets."""
        urls = self.cryptoassets_alert_urls
        # An address that is listed twice would receive every message twice.
        return tuple(dict.fromkeys(urls.get_secret_value().split() if urls else ()))

    @property
    def pages(self) -> dict[str, tuple[str, str]]:
        """Maps each page's name to its address for people and its address for our own requests."""
        named = (page.split("=", 1) for page in (self.cryptoassets_pages or "").split())
        parts = ((name, urls.partition("|")) for name, urls in named)
        return {name: (url, probe or url) for name, (url, _, probe) in parts}

    @property
    def dagster_page(self) -> str:
        """Address of Dagster's page for people, without a trailing slash."""
        return self.pages.get("dagster", ("http://localhost:3000",))[0].rstrip("/")

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Host names, without port, that are accepted in the `Host` header of requests."""
        return (*LOOPBACK_HOSTS, *(self.cryptoassets_allowed_hosts or "").split())

    @property
    def known_source(self) -> SourceKind | None:
        """The source, if the settings alone determine it; None: the server must be asked."""
        if self.coincap_url is None:
            return "coincap" if self.coincap_api_key else "simulator"
        host = urlsplit(self.coincap_url).hostname or ""
        return "coincap" if host == "coincap.io" or host.endswith(".coincap.io") else None


def load_settings() -> Settings:
    """Read the environment and `.env`; if nothing has changed, return the same object.

    Raises:
        SettingsError: a value cannot be used; the message names the variable, never its value.
    """
    return read_settings(Settings)


def definition_settings() -> DefinitionSettings:
    """Read only what the definitions need; see `load_settings`."""
    return read_settings(DefinitionSettings)
