"""The settings that Dagster's definitions need: the first partition and MongoDB's database.

What goes here: these settings, and reading settings of any kind. What stays out: all other settings
(in `settings`). The definitions load even if the other settings are wrong.
"""

import hashlib
import os
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cryptoassets import setting_values
from cryptoassets.errors import SettingsError
from cryptoassets.project import settings_file

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


_Kind = TypeVar("_Kind", bound=DefinitionSettings)

_loaded: dict[type[DefinitionSettings], tuple[str, DefinitionSettings]] = {}
"""The newest settings of each kind, and a hash of what they were read from.

A batch asks for the settings dozens of times, and each validation takes milliseconds.
"""


def read_settings(kind: type[_Kind]) -> _Kind:
    """Read settings; if nothing has changed since the last time, return the same object.

    Raises:
        SettingsError: a value cannot be used; the message names the variable, never its value.
    """
    file = settings_file()
    origin = _hash_of_origin(file)
    known, settings = _loaded.get(kind, (None, None))
    if known == origin and isinstance(settings, kind):
        return settings
    try:
        settings = kind(_env_file=file)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        message = f"Wrong setting: {problems}. Correct it in the environment or in .env"
        raise SettingsError(message) from None
    # The content of a file that a setting names may change at any time.
    if not any(name.endswith("_file") for name in settings.model_fields_set):
        _loaded[kind] = (origin, settings)
    return settings


def _hash_of_origin(file: Path) -> str:
    """Hash everything that settings depend on, except for files that a setting names."""
    content = file.read_bytes() if file.is_file() else None
    origin = (sorted(os.environ.items()), Path.cwd(), file, content)
    return hashlib.sha256(repr(origin).encode()).hexdigest()
