"""Everything configurable, read from `DENSING_*` environment variables in this one place."""

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlparse

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one installation.

    A field is set by the variable of its name, such as `DENSING_STATE_DIR`.
    """

    model_config = SettingsConfigDict(env_prefix="DENSING_", extra="forbid", frozen=True)

    state_dir: Path = Field(
        default=Path(".densing"),
        description="Where tables, the landing zone and Dagster's database live.",
    )
    publish_url: str = Field(
        default="published",
        description="Directory releases are published to, as a path or a file:// address.",
    )
    bootstrap_draws: Annotated[int, Field(ge=100, le=100_000)] = Field(
        default=1000, description="Resamples behind every bootstrap interval."
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(
        default=20241206, description="Seed of every random draw; part of the release."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_misspelt_variable(cls, values: Any) -> Any:
        known = {f"DENSING_{name.upper()}" for name in cls.model_fields}
        given = {name for name in os.environ if name.startswith("DENSING_")}
        if unknown := sorted(given - known):
            raise ValueError(
                f"unknown: {', '.join(unknown)}. There are: {', '.join(sorted(known))}"
            )
        return values

    @field_validator("publish_url")
    @classmethod
    def _local(cls, url: str) -> str:
        address = urlparse(url)
        is_path = "://" not in url
        if not url or not (is_path or (address.scheme == "file" and not address.netloc)):
            raise ValueError(
                f"{url!r}: releases are published to a local directory; give a path or "
                "file:///path and copy `latest/` on from there"
            )
        return url

    @property
    def publish_dir(self) -> Path:
        """The directory of `publish_url`."""
        is_path = "://" not in self.publish_url
        return Path(self.publish_url if is_path else unquote(urlparse(self.publish_url).path))

    @property
    def tables_dir(self) -> Path:
        """Where the current tables are kept between runs."""
        return self.state_dir / "tables"
