"""The settings that Dagster's definitions need: the first partition and MongoDB's database.

What goes here: these settings. What stays out: all other settings (in `settings`). The definitions
load even if the other settings are wrong.
"""

from datetime import UTC, date, datetime, time

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cryptoassets import setting_values

OLDEST_DAY = date(2018, 1, 1)
"""Fetched data with an earlier time is rejected."""


class DefinitionSettings(BaseSettings):
    """Settings that are read when the definitions are loaded; `Settings` inherits them."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    cryptoassets_since: date = Field(
        date(2026, 1, 1),
        description="First day (UTC) that has hourly and daily partitions. Older data is kept, but "
        "not processed. The default stays the same in every release.",
    )

    mongo_database: str = Field(
        "datalake",
        description="Database of the data lake: letters, digits, hyphens and underscores.",
    )

    _check_mongo_database = field_validator("mongo_database")(setting_values.mongo_database)

    @field_validator("cryptoassets_since", mode="before")
    @classmethod
    def _day_of(cls, value: object) -> date:
        """Return the UTC day of an ISO date or time."""
        try:
            moment = datetime.fromisoformat(str(value).strip())
            day = (moment.astimezone(UTC) if moment.tzinfo else moment).date()
        except (ValueError, OverflowError) as error:
            message = "it must look like 2026-01-01"
            raise ValueError(message) from error
        if not OLDEST_DAY <= day <= datetime.now(UTC).date():
            message = f"it must be a day from {OLDEST_DAY} to today"
            raise ValueError(message)
        return day

    @property
    def first_partition(self) -> datetime:
        """Start of the first hourly and daily partition."""
        return datetime.combine(self.cryptoassets_since, time(), UTC)
